# How the addon is compiled. `node-gyp rebuild -- -Dsanitize=1` builds it under ASan and UBSan;
# `asan` is a variable of Node's own common.gypi.
{
  'variables': {
    'sanitize%': 0,
    # System headers, so that -Wextra judges this code only. A package has them in napi/. As make sees them, which
    # runs in build/: the path of the checkout, which may contain anything, is no part of it.
    'node_addon_api':
      '<!(node -p "path.relative(\'build\', fs.existsSync(\'napi\') ? \'napi\' : path.dirname(require.resolve(\'node-addon-api/package.json\')))")',
    # Other compilers know other warnings: they fail a checkout, and not a user's build.
    'fatal_warnings': '<!(node -p "fs.existsSync(\'napi\') ? 0 : 1")',
  },
  'targets': [
    {
      'target_name': 'wasmpoll',
      'sources': [
        'addon.cc', 'address.cc', 'arguments.cc', 'backend.cc', 'bound.cc', 'constants.cc',
        'decimal.cc', 'epoll.cc', 'error.cc', 'file.cc', 'hash.cc', 'io.cc', 'listener.cc',
        'loop_callback.cc', 'members.cc', 'openssl.cc', 'ownership.cc', 'patterns.cc',
        'peer_table.cc', 'peer_tables.cc', 'peers.cc', 'queue.cc', 'record.cc', 'seat.cc',
        'shared.cc', 'shared_seat.cc', 'shares.cc', 'socket.cc', 'state.cc', 'state_commit.cc', 'state_take.cc',
        'store.cc', 'stream.cc', 'tls.cc', 'tls_causes.cc', 'tls_context.cc', 'tls_dials.cc',
        'tls_facts.cc', 'tls_material.cc', 'tls_options.cc', 'tls_outward.cc', 'tls_rows.cc',
        'tls_seat.cc', 'tls_session.cc', 'tls_session_outward.cc', 'tls_state.cc', 'tls_tickets.cc',
        'topics.cc', 'topics_kept.cc', 'topics_walk.cc', 'vector.cc', 'watcher.cc',
      ],
      # The last one: in a thread that is being terminated nothing can be thrown, and without it a call
      # that comes just then aborts the process.
      'defines': [
        'NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags!': ['-O2', '-g'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++20', '-O3', '-Wall', '-Wextra', '-fno-exceptions', '-fvisibility=hidden',
        '-isystem', '\'<(node_addon_api)\'',
      ],
      # Sessions of TLS live on while no thread has the file open.
      'ldflags': ['-Wl,-z,nodelete'],
      'conditions': [
        ['fatal_warnings==1', { 'cflags_cc': ['-Werror'] }],
        ['sanitize==1', {
          'cflags_cc': [
            '-g', '-O1', '-fno-omit-frame-pointer', '-fsanitize=address,undefined',
            '-fno-sanitize-recover=undefined', '-fno-sanitize=vptr',
          ],
          'ldflags': ['-fsanitize=address,undefined'],
        }],
      ],
    },
  ],
}

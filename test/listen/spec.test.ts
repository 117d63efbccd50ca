// Specs: what stands behind an address, as text and as an object, and what is said of mistakes.

import test from 'ava';
import { parseNetworks } from '../../host/listen/peer/networks.ts';
import { type Listen, type ListenOptions, parseListen } from '../../host/listen/spec.ts';

const none = new Uint8Array(0);

test('text and objects say the same', (t) => {
  const pairs: [string, ListenOptions][] = [
    ['127.0.0.1:80', { address: '127.0.0.1:80' }],
    ['tcp://127.0.0.1:80', { address: '127.0.0.1:80' }],
    [
      '[::]:80?proxy=10.0.0.0/8,fd00::/8',
      { address: '[::]:80', proxy: { from: ['10.0.0.0/8', 'fd00::/8'] } },
    ],
    [
      'h:80?allow=10.0.0.0/8&deny=10.1.0.0/16',
      { address: 'h:80', allow: '10.0.0.0/8', deny: ['10.1.0.0/16'] },
    ],
    ['unix:/a?mode=660&group=www', { address: 'unix:/a', mode: '660', group: 'www' }],
    ['unix:/a?proxy=true&owner=a%26b', { address: 'unix:/a', proxy: true, owner: 'a&b' }],
    ['fd:web?allow=10.0.0.0/8', { address: 'fd:web', allow: ['10.0.0.0/8'] }],
  ];
  for (const [text, object] of pairs) t.deepEqual(parseListen(text), parseListen(object), text);
});

test('a spec has what was asked for, and else what is safe', (t) => {
  const plain = parseListen('127.0.0.1:80');
  t.deepEqual(plain, {
    place: { kind: 'tcp', host: '127.0.0.1', port: 80 },
    name: '127.0.0.1:80',
    trusted: null,
    tls: null,
    allow: none,
    deny: none,
    file: { mode: 0o600, owner: null, group: null },
  });
  const from = ['10.0.0.0/8'];
  const spec = parseListen({ address: '127.0.0.1:80', proxy: { from } });
  t.deepEqual(spec.trusted, parseNetworks(from, ''));
  t.is(parseListen({ address: '127.0.0.1:80', proxy: false }).trusted, null);
  t.deepEqual(parseListen('unix:/a?proxy=true').trusted, none);
  t.is(parseListen('unix:/a?mode=0666').file.mode, 0o666);
  t.deepEqual(parseListen('fd:3').place, { kind: 'fd', name: '3' });
  // In an object nothing of the address is an option: so a path may have a question mark.
  t.deepEqual(parseListen({ address: 'unix:/a?b' }).place, { kind: 'unix', path: '/a?b' });
});

const loose = (listen: object): Listen => listen as Listen;

const wrong: [Listen, RegExp][] = [
  [
    'h:80?prox=1.2.3.4',
    /^listen 'h:80\?prox=1\.2\.3\.4': there is no option 'prox'; proxy is one$/,
  ],
  [
    'h:80?certificate=x',
    /there is no option 'certificate'; there are proxy, allow, deny, mode, owner, group$/,
  ],
  ['h:80?address=h:81', /there is no option 'address'/],
  ['h:80?', /'' must be KEY=VALUE$/],
  ['h:80?proxy', /'proxy' must be KEY=VALUE$/],
  ['h:80?proxy=', /'proxy=' must be KEY=VALUE$/],
  ['h:80?allow=1.2.3.4&allow=1.2.3.5', /allow is given twice; a list has commas$/],
  ['h:80?allow=%zz', /'%zz' has a % that is followed by no two digits/],
  ['http://h:80', /there is no 'http:\/\/'; an address begins with tcp:\/\//],
  ['h:80?proxy=true', /proxy must say from whom headers are believed/],
  [loose({ address: 'h:80', proxy: {} }), /proxy\.from is missing/],
  [
    loose({ address: 'h:80', proxy: { form: 'x' } }),
    /there is no option of proxy 'form'; from is the only one$/,
  ],
  [loose({ address: 'h:80', proxy: '10.0.0.0/8' }), /proxy must be \{ from/],
  [loose({ address: 'h:80', proxy: { from: 5 } }), /proxy\.from must be networks such as/],
  [loose({ address: 'h:80', alow: '10.0.0.0/8' }), /there is no option 'alow'; allow is one$/],
  [loose({ address: 'h:80', allow: [] }), /allow is empty/],
  [loose({ addres: 'h:80' }), /there is no option 'addres'; address is one$/],
  [loose({ address: 80 }), /address must be text/],
  [{ address: 'unix:/a', proxy: { from: '10.0.0.0/8' } }, /a Unix socket has no addresses/],
  ['unix:/a?deny=10.0.0.0/8', /a Unix socket has no addresses to allow or deny/],
  ['unix:/a?mode=888', /mode must be three octal digits such as 660, got '888'$/],
  [loose({ address: 'unix:/a', mode: 0o660 }), /mode must be text$/],
  ['h:80?mode=660', /mode is for the file of a Unix socket/],
  ['unix:@a?group=www', /group is for the file of a Unix socket/],
  ['fd:web?owner=www', /owner is for the file of a Unix socket/],
  ['fd:', /must be fd:NAME/],
  ['h:80?allow=10.0.0.1/8', /has bits behind its prefix/],
  [{ address: 'h:80', allow: Array<string>(1025).fill('10.0.0.1') }, /more than 1024 networks$/],
];

test('mistakes are named, with the nearest thing that there is', (t) => {
  for (const [listen, message] of wrong) {
    t.throws(() => parseListen(listen), { code: 'ERR_ADDRESS', message }, String(message));
  }
});

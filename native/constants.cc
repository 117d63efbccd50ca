// The tables of constants. No number stands here: they come from the kernel's headers.
#include "constants.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "epoll.h"
#include "io.h"
#include "record.h"
#include "tls_state.h"

namespace wasmpoll {
namespace {

struct Constant {
  const char* name;
  // A double, so that EPOLLET, which is bit 31, stays positive in JavaScript.
  double value;
};

#define CONSTANT(name) {#name, static_cast<double>(name)}

constexpr Constant kConstants[] = {
    CONSTANT(EPOLLIN), CONSTANT(EPOLLPRI), CONSTANT(EPOLLOUT), CONSTANT(EPOLLERR),
    CONSTANT(EPOLLHUP), CONSTANT(EPOLLRDNORM), CONSTANT(EPOLLRDBAND), CONSTANT(EPOLLWRNORM),
    CONSTANT(EPOLLWRBAND), CONSTANT(EPOLLMSG), CONSTANT(EPOLLRDHUP), CONSTANT(EPOLLEXCLUSIVE),
    CONSTANT(EPOLLWAKEUP), CONSTANT(EPOLLONESHOT), CONSTANT(EPOLLET), CONSTANT(EPOLL_CLOEXEC),
    CONSTANT(EACCES), CONSTANT(EADDRINUSE), CONSTANT(EADDRNOTAVAIL), CONSTANT(EAFNOSUPPORT),
    CONSTANT(EAGAIN),
    CONSTANT(EBADF), CONSTANT(ECONNABORTED), CONSTANT(ECONNREFUSED), CONSTANT(ECONNRESET),
    CONSTANT(EEXIST), CONSTANT(EFAULT), CONSTANT(EHOSTDOWN), CONSTANT(EHOSTUNREACH),
    CONSTANT(EINTR), CONSTANT(EINVAL), CONSTANT(ELOOP), CONSTANT(EMFILE), CONSTANT(ENETDOWN),
    CONSTANT(ENETUNREACH), CONSTANT(ENFILE), CONSTANT(ENOBUFS), CONSTANT(ENOENT), CONSTANT(ENOMEM),
    CONSTANT(ENONET), CONSTANT(ENOPROTOOPT), CONSTANT(ENOSPC), CONSTANT(ENOSYS), CONSTANT(ENOTCONN),
    CONSTANT(ENOTDIR), CONSTANT(ENOTSOCK), CONSTANT(EOPNOTSUPP), CONSTANT(EPERM), CONSTANT(EPIPE),
    CONSTANT(EPROTO), CONSTANT(ESPIPE), CONSTANT(ETIMEDOUT), CONSTANT(EXDEV),
    CONSTANT(SHUT_RD), CONSTANT(SHUT_WR), CONSTANT(SHUT_RDWR), CONSTANT(SOL_SOCKET),
    CONSTANT(SO_ACCEPTCONN), CONSTANT(SO_ERROR), CONSTANT(SO_KEEPALIVE), CONSTANT(SO_RCVBUF),
    CONSTANT(SO_RCVLOWAT), CONSTANT(SO_REUSEADDR), CONSTANT(SO_REUSEPORT), CONSTANT(SO_SNDBUF),
    CONSTANT(SO_TYPE), CONSTANT(SOCK_STREAM), CONSTANT(IPPROTO_TCP), CONSTANT(TCP_CORK), CONSTANT(TCP_DEFER_ACCEPT),
    CONSTANT(TCP_KEEPCNT), CONSTANT(TCP_KEEPIDLE), CONSTANT(TCP_KEEPINTVL), CONSTANT(TCP_NODELAY),
    CONSTANT(TCP_NOTSENT_LOWAT), CONSTANT(TCP_QUICKACK), CONSTANT(TCP_USER_TIMEOUT),
    CONSTANT(IPPROTO_IPV6), CONSTANT(IPV6_V6ONLY), CONSTANT(FD_SETSIZE), CONSTANT(SOMAXCONN),
};

#undef CONSTANT

constexpr Constant kLayout[] = {
    {"ROW", kRow},
    {"ROW_KIND", kRowKind},
    {"ROW_FD", kRowFd},
    {"ROW_BUFFER", kRowBuffer},
    {"ROW_OFFSET", kRowOffset},
    {"ROW_LENGTH", kRowLength},
    {"ROW_RESULT", kRowResult},
    {"ROW_TARGET_BUFFER", kRowTargetBuffer},
    {"ROW_TARGET_OFFSET", kRowTargetOffset},
    {"KIND_NONE", kKindNone},
    {"KIND_RECV", kKindRecv},
    {"KIND_SEND", kKindSend},
    {"KIND_UPDATE", kKindUpdate},
    {"KIND_COPY", kKindCopy},
    {"KIND_TLS_RECV", kKindTlsRecv},
    {"KIND_TLS_SEND", kKindTlsSend},
    {"KIND_TLS_SEAL", kKindTlsSeal},
    {"KIND_TLS_END", kKindTlsEnd},
    {"BUFFERS", kBuffers},
    {"TLS_DIAL_READS", kTlsDialReads},
    {"TLS_DIAL_WRITES", kTlsDialWrites},
    {"TLS_DIAL_DONE", kTlsDialDone},
    {"TLS_WIRE_BUFFER", kWireBuffer},
    {"TLS_MORE", kTlsMore},
    {"TLS_FAILED", kTlsFailed},
    {"TLS_TRUNCATED", kTlsTruncated},
    {"TLS_READY", kTlsReady},
    {"TLS_OVER", kTlsOver},
    {"TLS_RESUMED", kTlsResumed},
    {"TLS_CAUSE_SHIFT", kTlsCauseShift},
    {"TLS_CAUSES", kTlsCauses},
    {"TLS_HANDSHAKES", kTlsHandshakes},
    {"TLS_RESUMPTIONS", kTlsResumptions},
    {"TLS_TRUNCATIONS", kTlsTruncations},
    {"TLS_BYTES_IN", kTlsBytesIn},
    {"TLS_BYTES_OUT", kTlsBytesOut},
    {"TLS_FAILURES", kTlsFailures},
    {"TLS_COUNTS", kTlsCounts},
    {"TLS_SLACK_BYTES", kTlsSlack},
    {"TLS_SEAL_BYTES", kTlsSeal},
    {"TLS_WIRE_BYTES", kTlsWire},
    {"EVENT", kEvent},
    {"READY", kReady},
    {"RECORD", kRecord},
    {"RECORD_OP", kRecordOp},
    {"RECORD_HANDLE", kRecordHandle},
    {"RECORD_TAG", kRecordTag},
    {"RECORD_FLAGS", kRecordFlags},
    {"RECORD_FIRST", kRecordFirst},
    {"RECORD_SECOND", kRecordSecond},
    {"RECORD_TTL", kRecordTtl},
    {"RECORD_SEAT", kRecordSeat},
    {"RECORD_VALUE", kRecordValue},
    {"OP_JOIN", kOpJoin},
    {"OP_LEAVE", kOpLeave},
    {"OP_PUBLISH", kOpPublish},
    {"OP_GET", kOpGet},
    {"OP_PUT", kOpPut},
    {"OP_DELETE", kOpDelete},
    {"OP_ADD", kOpAdd},
    {"OP_DIRECT", kOpDirect},
    {"OP_GAP", kOpGap},
    {"FLAG_PATTERN", kFlagPattern},
    {"FLAG_QUIET", kFlagQuiet},
    {"FLAG_SHARED", kFlagShared},
    {"FLAG_RETAIN", kFlagRetain},
    {"FLAG_OTHERS", kFlagOthers},
    {"FLAG_INBOUND", kFlagInbound},
    {"FLAG_EXPECTED", kFlagExpected},
    {"BLOCK_KIND", kBlockKind},
    {"BLOCK_COUNT", kBlockCount},
    {"BLOCK_POSITION", kBlockPosition},
    {"BLOCK_INSIDE", kBlockInside},
    {"BLOCK_FLAGS", kBlockFlags},
    {"BLOCK_TOPIC", kBlockTopic},
    {"BLOCK_DATA", kBlockData},
    {"BLOCK_ENTRIES", kBlockEntries},
    {"ENTRY", kEntry},
    {"ENTRY_HANDLE", kEntryHandle},
    {"ENTRY_TAG", kEntryTag},
    {"ENTRY_STATUS", kEntryStatus},
    {"ENTRY_OFFSET", kEntryOffset},
    {"ENTRY_LENGTH", kEntryLength},
    {"ENTRIES", kEntries},
    {"BLOCK", kBlock},
    {"BLOCK_MESSAGE", kBlockMessage},
    {"BLOCK_MISSED", kBlockMissed},
    {"BLOCK_REPLIES", kBlockReplies},
    {"BLOCK_RECORDS", kBlockRecords},
    {"COMMITTED_OWN", kCommittedOwn},
    {"COMMITTED_REFUSED", kCommittedRefused},
    {"DELIVERED_RETAINED", kDeliveredRetained},
    {"DELIVERED_DIRECT", kDeliveredDirect},
    {"COUNT_TOPICS", kCountTopics},
    {"COUNT_MEMBERS", kCountMembers},
    {"COUNT_RETAINED", kCountRetained},
    {"COUNT_GROUP_BYTES", kCountGroupBytes},
    {"COUNT_KEYS", kCountKeys},
    {"COUNT_STORE_BYTES", kCountStoreBytes},
    {"COUNT_QUEUE_BYTES", kCountQueueBytes},
    {"COUNT_PENDING", kCountPending},
    {"COUNT_PUBLISHED", kCountPublished},
    {"COUNT_DELIVERED", kCountDelivered},
    {"COUNT_MISSED", kCountMissed},
    {"COUNT_LEFT_OUT", kCountLeftOut},
    {"COUNT_POISONED", kCountPoisoned},
    {"COUNTS", kCounts},
    {"CHARGE_TOPIC", kChargeTopic},
    {"CHARGE_LEVEL", kChargeLevel},
    {"CHARGE_MEMBER", kChargeMember},
    {"CHARGE_RETAINED", kChargeRetained},
    {"CHARGE_KEY", kChargeKey},
    {"CHARGE_ENTRY", kChargeEntry},
    {"REPLY_ALWAYS", kReplyAlways},
    {"TAKE_STEPS", kTakeSteps},
};

template <size_t count>
Napi::Object Table(Napi::Env env, const Constant (&constants)[count]) {
  const Napi::Object table = Napi::Object::New(env);
  for (const Constant& constant : constants) {
    table.Set(constant.name, Napi::Number::New(env, constant.value));
  }
  table.Freeze();
  return table;
}

}  // namespace

void RegisterConstants(Napi::Env env, Napi::Object exports) {
  exports.Set("constants", Table(env, kConstants));
  exports.Set("layout", Table(env, kLayout));
}

}  // namespace wasmpoll

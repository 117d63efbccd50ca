// Why a session has failed: as a number that is counted, and of one with an upstream in words.
#include "tls_session.h"

namespace wasmpoll {
namespace {

int CauseOf(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return kTlsCauseOther;
  const int reason = ERR_GET_REASON(error);
  if (reason >= SSL_AD_REASON_OFFSET) return kTlsCauseAlert;
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNEXPECTED_MESSAGE:
      return kTlsCauseNotTls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
      return kTlsCauseVersion;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return kTlsCauseCipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return kTlsCauseAlpn;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return kTlsCauseClient;
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return kTlsCauseRecord;
    case SSL_R_RECORD_TOO_SMALL:
    case SSL_R_TOO_MANY_KEY_UPDATES:
    case SSL_R_TOO_MANY_WARN_ALERTS:
      return kTlsCauseFlood;
    default:
      return kTlsCauseOther;
  }
}

// What a server says of itself by its alert: it would say so to any client. With handshake_failure it may mean the one.
int CauseOfServer(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return kTlsCauseOther;
  switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_PROTOCOL_VERSION:
      return kTlsCauseVersion;
    case SSL_AD_INSUFFICIENT_SECURITY:
      return kTlsCauseCipher;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return kTlsCauseAlpn;
    default:
      break;
  }
  const int cause = CauseOf(error);
  return cause == kTlsCauseClient ? kTlsCauseServer : cause;
}

}  // namespace

bool TlsSession::FailOf(unsigned long error) {
  if (outward_ == nullptr) return Fail(CauseOf(error));
  const bool judged = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const char* const text = judged
                               ? X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()))
                               : ERR_reason_error_string(error);
  outward_->why = text == nullptr ? "unknown reason" : text;
  return Fail(CauseOfServer(error));
}

}  // namespace wasmpoll

// What is known of the peer of a session, or was agreed with it, as text.
#include "tls_session.h"

namespace wasmpoll {
namespace {

std::string Hex(const uint8_t* bytes, unsigned length) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned index = 0; index < length; ++index) {
    text += kDigits[bytes[index] >> 4];
    text += kDigits[bytes[index] & 15];
  }
  return text;
}

// As RFC 2253 writes it, the last part first.
std::string Subject(X509* certificate) {
  const std::unique_ptr<BIO, OpensslFree> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr) return "";
  const unsigned long flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
  if (X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, flags) < 0) return "";
  char* start = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &start);
  return length <= 0 ? "" : std::string(start, length);
}

}  // namespace

bool TlsSession::Fact(const std::string& name, std::string* value) const {
  SSL* const ssl = ssl_.get();
  if (!ready_) return false;
  const char* text = nullptr;
  if (name == "tls.version") text = SSL_get_version(ssl);
  if (name == "tls.cipher") text = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl));
  if (name == "tls.name") text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (text != nullptr) {
    *value = text;
    return true;
  }
  if (name == "tls.alpn") {
    const unsigned char* start = nullptr;
    unsigned int length = 0;
    SSL_get0_alpn_selected(ssl, &start, &length);
    value->assign(reinterpret_cast<const char*>(start), start == nullptr ? 0 : length);
    return length > 0;
  }
  if (name != "tls.subject" && name != "tls.sha256") return false;
  const std::unique_ptr<X509, OpensslFree> certificate(SSL_get1_peer_certificate(ssl));
  if (certificate == nullptr) return false;
  ERR_clear_error();
  if (name == "tls.subject") {
    *value = Subject(certificate.get());
    return true;
  }
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (X509_digest(certificate.get(), EVP_sha256(), digest, &length) != 1) return false;
  *value = Hex(digest, length);
  return true;
}

}  // namespace wasmpoll

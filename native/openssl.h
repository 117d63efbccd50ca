// OpenSSL as this file finds it in the Node that loads it. Each function is a weak reference: without OpenSSL
// the addon loads all the same, and OpensslRefusal says why there is no TLS. Knows names, and no use of them.
#pragma once

#include <string>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Whatever is called, as the linker knows it: many names of OpenSSL's documentation are macros of these.
#define WASMPOLL_OPENSSL(_) \
  _(BIO_clear_flags) _(BIO_ctrl) _(BIO_free) _(BIO_get_data) _(BIO_meth_new) _(BIO_meth_set_ctrl) \
  _(BIO_meth_set_read) _(BIO_meth_set_write) _(BIO_new) _(BIO_new_mem_buf) _(BIO_s_mem) \
  _(BIO_set_data) _(BIO_set_flags) _(BIO_set_init) _(ERR_clear_error) _(ERR_peek_error) \
  _(ERR_peek_last_error) _(ERR_reason_error_string) _(EVP_CIPHER_get_iv_length) \
  _(EVP_DecryptInit_ex) _(EVP_EncryptInit_ex) _(EVP_MAC_CTX_set_params) _(EVP_PKEY_free) \
  _(EVP_aes_256_cbc) _(EVP_sha256) _(OPENSSL_cleanse) _(OPENSSL_version_major) \
  _(OSSL_PARAM_construct_end) _(OSSL_PARAM_construct_octet_string) \
  _(OSSL_PARAM_construct_utf8_string) _(OpenSSL_version) _(PEM_read_bio_PrivateKey) \
  _(PEM_read_bio_X509_AUX) _(RAND_bytes) _(SSL_CIPHER_get_name) _(SSL_CTX_add_client_CA) \
  _(SSL_CTX_callback_ctrl) _(SSL_CTX_check_private_key) _(SSL_CTX_ctrl) _(SSL_CTX_free) \
  _(SSL_CTX_get_cert_store) _(SSL_CTX_get_ex_data) _(SSL_CTX_new) _(SSL_CTX_sess_set_new_cb) \
  _(SSL_CTX_set1_cert_store) _(SSL_CTX_set_alpn_protos) _(SSL_CTX_set_alpn_select_cb) \
  _(SSL_CTX_set_cipher_list) _(SSL_CTX_set_default_passwd_cb) _(SSL_CTX_set_ex_data) \
  _(SSL_CTX_set_num_tickets) _(SSL_CTX_set_options) _(SSL_CTX_set_security_level) \
  _(SSL_CTX_set_session_id_context) _(SSL_CTX_set_session_ticket_cb) _(SSL_CTX_set_timeout) \
  _(SSL_CTX_set_tlsext_ticket_key_evp_cb) _(SSL_CTX_set_verify) _(SSL_CTX_use_PrivateKey) \
  _(SSL_CTX_use_certificate) _(SSL_SESSION_free) _(SSL_SESSION_get0_ticket_appdata) \
  _(SSL_SESSION_get_protocol_version) _(SSL_SESSION_is_resumable) \
  _(SSL_SESSION_set1_ticket_appdata) _(SSL_SESSION_up_ref) _(SSL_ctrl) _(SSL_do_handshake) \
  _(SSL_free) _(SSL_get0_alpn_selected) _(SSL_get0_param) _(SSL_get1_peer_certificate) \
  _(SSL_get_SSL_CTX) _(SSL_get_current_cipher) _(SSL_get_error) _(SSL_get_ex_data) \
  _(SSL_get_servername) _(SSL_get_session) _(SSL_get_verify_result) _(SSL_get_version) _(SSL_new) \
  _(SSL_read_ex) _(SSL_select_next_proto) _(SSL_session_reused) _(SSL_set1_host) \
  _(SSL_set_SSL_CTX) _(SSL_set_accept_state) _(SSL_set_bio) _(SSL_set_connect_state) \
  _(SSL_set_ex_data) _(SSL_set_hostflags) _(SSL_set_msg_callback) _(SSL_set_session) \
  _(SSL_shutdown) _(SSL_version) _(SSL_write_ex) _(TLS_client_method) _(TLS_server_method) \
  _(X509_NAME_print_ex) _(X509_STORE_add_cert) _(X509_STORE_free) _(X509_STORE_new) \
  _(X509_VERIFY_PARAM_set1_ip_asc) _(X509_check_private_key) _(X509_digest) _(X509_free) \
  _(X509_get_subject_name) _(X509_verify_cert_error_string)

#define WASMPOLL_WEAK(name) extern "C" __attribute__((weak)) decltype(name) name;
WASMPOLL_OPENSSL(WASMPOLL_WEAK)
#undef WASMPOLL_WEAK

namespace wasmpoll {

// Why there is no TLS, in one line, or ''. `expected` is Node's own word for its OpenSSL: the functions that
// were found may be another library's, which something else has brought into the process.
std::string OpensslRefusal(const std::string& expected);

struct OpensslFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};

}  // namespace wasmpoll

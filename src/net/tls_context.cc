#include "net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "io/file.h"
#include "net/openssl.h"

namespace leat::net {
namespace {

using SslPtr = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;

constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE in whatever thread called
// us; this one sends with MSG_NOSIGNAL. The descriptor lives in the BIO's data pointer.
int SocketWrite(BIO* bio, const char* bytes, int size) {
  const auto fd = static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::send(fd, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int SocketRead(BIO* bio, char* buffer, int size) {
  const auto fd = static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(fd, buffer, static_cast<size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long SocketControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH;
}

const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "leat socket");
    BIO_meth_set_write(made, SocketWrite);
    BIO_meth_set_read(made, SocketRead);
    BIO_meth_set_ctrl(made, SocketControl);
    BIO_meth_set_create(made, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    return made;
  }();
  return method;
}

std::string NameEntry(const X509_NAME* name, int index) {
  const ASN1_STRING* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, data);
  if (length < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<size_t>(length));
  OPENSSL_free(utf8);
  return text;
}

// What a browser or curl shows to somebody who forgot the s in https.
constexpr std::string_view kUseHttps =
    "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "this port speaks HTTPS: use https:// in the URL\n";

// Whether the reason of a TLS error is an alert by which the other side refuses a certificate.
bool RefusesCertificate(int reason) {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

class TlsTransport : public Transport {
 public:
  TlsTransport(io::UniqueFd fd, SslPtr ssl) : Transport(std::move(fd)), ssl_(std::move(ssl)) {}

  IoStep Handshake() override {
    const IoStep step = Step([&](size_t*) { return SSL_do_handshake(ssl_.get()); });
    if (spoke_plain_http_) ::send(fd(), kUseHttps.data(), kUseHttps.size(), MSG_NOSIGNAL);
    return step;
  }

  IoStep Read(std::span<char> buffer) override {
    return Step(
        [&](size_t* n) { return SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), n); });
  }

  IoStep Write(std::string_view bytes, Flush) override {
    if (bytes.empty()) return {};
    const IoStep step =
        Step([&](size_t* n) { return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), n); });
    if (step.state != IoState::kEnd) return step;
    // So OpenSSL reports any failure to write once the other side has said that it will close.
    broken_ = true;
    return Fail({Code::kUnavailable, "TLS connection: the other side closed it"});
  }

  IoStep SendFile(int file, uint64_t offset, size_t size) override {
    // When a write has to be tried again OpenSSL wants the same bytes: reading them anew gives
    // them.
    std::array<char, 16 << 10> piece;
    const ssize_t n =
        ::pread(file, piece.data(), std::min(size, piece.size()), static_cast<off_t>(offset));
    if (n < 0) return Fail(io::ErrnoError(errno, "read the file to send"));
    if (n == 0) return Fail({Code::kInternal, "send file: it is shorter than expected"});
    return Write({piece.data(), static_cast<size_t>(n)}, Flush::kNow);
  }

  bool HasBuffered() const override { return SSL_has_pending(ssl_.get()) == 1; }

  void CloseWrite() override {
    // After a fatal error OpenSSL forbids the close_notify.
    if (!broken_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    Transport::CloseWrite();
  }

  std::optional<PeerIdentity> Peer() const override {
    const X509Ptr certificate(SSL_get1_peer_certificate(ssl_.get()));
    if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return std::nullopt;
    PeerIdentity peer;
    const X509_NAME* subject = X509_get_subject_name(certificate.get());
    for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
      const int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(subject, i)));
      if (kind == NID_commonName) peer.common_name = NameEntry(subject, i);
      if (kind == NID_organizationName) peer.organizations.push_back(NameEntry(subject, i));
    }
    return peer;
  }

  bool secure() const override { return true; }

 private:
  template <class Call>
  IoStep Step(Call call) {
    ERR_clear_error();
    errno = 0;
    size_t n = 0;
    const int result = call(&n);
    if (result == 1) return {IoState::kOk, n};
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {IoState::kWantRead, 0};
      case SSL_ERROR_WANT_WRITE:
        return {IoState::kWantWrite, 0};
      case SSL_ERROR_ZERO_RETURN:
        return {IoState::kEnd, 0};
      case SSL_ERROR_SYSCALL:
        broken_ = true;
        return Fail(errno != 0 ? io::ErrnoError(errno, "TLS connection")
                               : Error{Code::kUnavailable, "TLS connection: cut off"});
      default:
        broken_ = true;
        return Fail(Diagnose());
    }
  }

  Error Diagnose() {
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK && !SSL_is_init_finished(ssl_.get())) {
      ERR_clear_error();
      return {Code::kUnauthorized, "the other side's certificate does not verify: " +
                                       std::string(X509_verify_cert_error_string(verdict))};
    }
    const int reason = ERR_GET_REASON(ERR_peek_error());
    spoke_plain_http_ = reason == SSL_R_HTTP_REQUEST;
    if (!RefusesCertificate(reason)) return OpenSslError(Code::kUnavailable, "TLS connection");
    return OpenSslError(Code::kUnauthorized, "the other side refuses our certificate");
  }

  SslPtr ssl_;
  bool broken_ = false;
  bool spoke_plain_http_ = false;
};

// The certificates of a PEM text, each given to `take`; false when there is none.
template <class Take>
bool EachCertificate(std::string_view pem, Take take) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool any = false;
  while (const X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    take(certificate.get());
    any = true;
  }
  ERR_clear_error();  // the end of the text counts as one
  return any;
}

Status Trust(SSL_CTX* context, std::string_view ca_pem) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (!EachCertificate(ca_pem, [&](X509* ca) { X509_STORE_add_cert(store, ca); }))
    return Error{Code::kInvalid, "the CA's PEM text holds no certificate"};
  return {};
}

int ChooseAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, sizeof kAlpn, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void SetCommonOptions(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

namespace {

Status UseIdentity(SSL_CTX* context, const KeyPair& identity) {
  const auto leaf = ReadCertificate(identity.certificate_pem, "TLS certificate");
  if (!leaf) return leaf.error();
  const auto key = ReadKey(identity.key_pem, "TLS key");
  if (!key) return key.error();
  if (SSL_CTX_use_certificate(context, leaf->get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return OpenSslError(Code::kInvalid, "TLS certificate and key do not fit together");
  bool first = true;
  EachCertificate(identity.certificate_pem, [&](X509* certificate) {
    if (!std::exchange(first, false)) SSL_CTX_add1_chain_cert(context, certificate);
  });
  return {};
}

}  // namespace

Result<TlsContext::ContextPtr> TlsContext::MakeForServer(const TlsServerOptions& options,
                                                         const KeyPair& identity) {
  ContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  if (context == nullptr) return OpenSslError(Code::kInternal, "set up TLS");
  SetCommonOptions(context);
  if (auto used = UseIdentity(context, identity); !used) return used.error();
  SSL_CTX_set_alpn_select_cb(context, ChooseAlpn, nullptr);
  // Resumption with client certificates needs a context id; any constant will do, as tickets are
  // sealed with this context's own key.
  constexpr unsigned char kSessionId[] = "leat";
  SSL_CTX_set_session_id_context(context, kSessionId, sizeof kSessionId - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!options.client_ca_pem.empty()) {
    if (auto trusted = Trust(context, options.client_ca_pem); !trusted) return trusted.error();
    EachCertificate(options.client_ca_pem, [&](X509* ca) { SSL_CTX_add_client_CA(context, ca); });
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return made;
}

Result<std::unique_ptr<TlsContext>> TlsContext::ForServer(const TlsServerOptions& options) {
  const auto identity =
      options.current_identity ? options.current_identity() : Result<KeyPair>(options.identity);
  if (!identity) return identity.error();
  auto context = MakeForServer(options, *identity);
  if (!context) return context.error();
  std::unique_ptr<TlsContext> made(new TlsContext(std::move(*context)));
  made->options_ = options;
  MutexLock lock(made->mu_);
  made->certificate_pem_ = identity->certificate_pem;
  return made;
}

Result<std::unique_ptr<TlsContext>> TlsContext::ForClient(const TlsClientOptions& options) {
  ContextPtr owned(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = owned.get();
  if (context == nullptr) return OpenSslError(Code::kInternal, "set up TLS");
  SetCommonOptions(context);
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn);
  if (!options.insecure_skip_verify) SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options.ca_pem.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (auto trusted = Trust(context, options.ca_pem); !trusted) {
    return trusted.error();
  }
  if (options.identity)
    if (auto used = UseIdentity(context, *options.identity); !used) return used.error();
  std::unique_ptr<TlsContext> made(new TlsContext(std::move(owned)));
  made->verify_ = !options.insecure_skip_verify;
  return made;
}

void TlsContext::Renew() const {
  const auto identity = options_.current_identity();
  if (!identity || identity->certificate_pem == certificate_pem_) return;
  // A context that serves is not changed; connections that were made with it keep it.
  auto renewed = MakeForServer(options_, *identity);
  if (!renewed) return;
  context_ = std::move(*renewed);
  certificate_pem_ = identity->certificate_pem;
}

namespace {

Result<SslPtr> NewSsl(SSL_CTX* context, int fd) {
  SslPtr ssl(SSL_new(context));
  BIO* bio = BIO_new(SocketMethod());
  if (!ssl || bio == nullptr) {
    BIO_free(bio);
    return OpenSslError(Code::kExhausted, "set up a TLS connection");
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(fd)));
  SSL_set_bio(ssl.get(), bio, bio);
  return ssl;
}

}  // namespace

Result<std::unique_ptr<Transport>> TlsContext::Accept(io::UniqueFd fd) const {
  MutexLock lock(mu_);
  if (options_.current_identity) Renew();
  auto ssl = NewSsl(context_.get(), fd.get());
  if (!ssl) return ssl.error();
  SSL_set_accept_state(ssl->get());
  return std::make_unique<TlsTransport>(std::move(fd), std::move(*ssl));
}

Result<std::unique_ptr<Transport>> TlsContext::Connect(io::UniqueFd fd,
                                                       const std::string& host) const {
  MutexLock lock(mu_);
  auto ssl = NewSsl(context_.get(), fd.get());
  if (!ssl) return ssl.error();
  SSL_set_connect_state(ssl->get());
  in6_addr address;
  const bool is_address = ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
                          ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
  // RFC 6066 forbids addresses in the server name.
  if (!is_address) SSL_set_tlsext_host_name(ssl->get(), host.c_str());
  if (verify_) {
    X509_VERIFY_PARAM* expected = SSL_get0_param(ssl->get());
    const int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str())
                               : X509_VERIFY_PARAM_set1_host(expected, host.c_str(), 0);
    if (set != 1) return OpenSslError(Code::kInvalid, "host name \"" + host + "\"");
  }
  return std::make_unique<TlsTransport>(std::move(fd), std::move(*ssl));
}

}  // namespace leat::net

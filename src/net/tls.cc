#include "net/tls.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "base/strings.h"
#include "net/openssl.h"

namespace leat::net {
namespace {

constexpr auto kAuthorityLifetime = std::chrono::hours(24 * 3650);
// Clocks of clients may be a little behind ours.
constexpr auto kClockSkew = std::chrono::minutes(10);

using NamePtr = std::unique_ptr<X509_NAME, OpenSslFree<X509_NAME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpenSslFree<X509_EXTENSION_free>>;
using SerialPtr = std::unique_ptr<BIGNUM, OpenSslFree<BN_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpenSslFree<GENERAL_NAMES_free>>;

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

Result<KeyPair> ToPem(X509* certificate, EVP_PKEY* key) {
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  const BioPtr key_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_text.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return OpenSslError(Code::kInternal, "write a certificate as PEM");
  return KeyPair{TakeText(certificate_text.get()), TakeText(key_text.get())};
}

bool AddName(X509_NAME* name, const char* field, std::string_view value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool SetSerial(X509* certificate) {
  const SerialPtr serial(BN_new());
  return BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetLifetime(X509* certificate, WallTime now, std::chrono::seconds lifetime) {
  const std::time_t begin = std::chrono::system_clock::to_time_t(now - kClockSkew);
  const std::time_t end = std::chrono::system_clock::to_time_t(now + lifetime);
  return ASN1_TIME_set(X509_getm_notBefore(certificate), begin) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), end) != nullptr;
}

// A certificate of version 3 with a new key, everything set but its issuer and extensions.
struct Draft {
  X509Ptr certificate;
  KeyPtr key;
};

Result<Draft> NewDraft(const CertificateRequest& request) {
  Draft draft{X509Ptr(X509_new()), KeyPtr(EVP_EC_gen("P-256"))};
  const NamePtr subject(X509_NAME_new());
  X509* certificate = draft.certificate.get();
  bool made = draft.key && subject && X509_set_version(certificate, X509_VERSION_3) == 1 &&
              SetSerial(certificate) &&
              SetLifetime(certificate, request.now.value_or(std::chrono::system_clock::now()),
                          request.lifetime) &&
              X509_set_pubkey(certificate, draft.key.get()) == 1;
  for (const std::string& organization : request.organizations)
    made = made && AddName(subject.get(), "O", organization);
  made = made && AddName(subject.get(), "CN", request.common_name) &&
         X509_set_subject_name(certificate, subject.get()) == 1;
  if (!made)
    return OpenSslError(Code::kInvalid, "make a certificate for \"" + request.common_name + "\"");
  return draft;
}

bool AddGeneralName(GENERAL_NAMES* names, int type, const std::string& value) {
  // Not the "DNS:a,IP:b" text form, in which a name with a comma could smuggle in another.
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (type == GEN_IPADD) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(value.c_str());
    if (address == nullptr) {
      GENERAL_NAME_free(name);
      return false;
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
  }
  return sk_GENERAL_NAME_push(names, name) > 0;
}

Status AddAlternativeNames(X509* certificate, const CertificateRequest& request) {
  const NamesPtr names(sk_GENERAL_NAME_new_null());
  for (const std::string& dns : request.dns_names) {
    if (dns.empty() || dns.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789-._*") != std::string::npos)
      return Error{Code::kInvalid, "\"" + dns + "\" is not a DNS name"};
    AddGeneralName(names.get(), GEN_DNS, dns);
  }
  for (const std::string& address : request.ip_addresses)
    if (!AddGeneralName(names.get(), GEN_IPADD, address))
      return Error{Code::kInvalid, "\"" + address + "\" is not an IP address"};
  if (sk_GENERAL_NAME_num(names.get()) == 0) return {};
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1)
    return OpenSslError(Code::kInternal, "add names to a certificate");
  return {};
}

}  // namespace

Error OpenSslError(Code code, std::string_view what) {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return {code, std::string(what) + ": " + (reason == nullptr ? "unknown TLS error" : reason)};
}

Result<X509Ptr> ReadCertificate(std::string_view pem, std::string_view what) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate)
    return OpenSslError(Code::kInvalid, std::string(what) + " is not a PEM certificate");
  return certificate;
}

Result<KeyPtr> ReadKey(std::string_view pem, std::string_view what) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a callback OpenSSL would ask the terminal for the password of an encrypted key.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return OpenSslError(Code::kInvalid, std::string(what) + " is not a PEM private key");
  return key;
}

Result<KeyPair> MakeCertificateAuthority(std::string_view common_name) {
  const auto draft =
      NewDraft({.common_name = std::string(common_name), .lifetime = kAuthorityLifetime});
  if (!draft) return draft.error();
  X509* ca = draft->certificate.get();
  const bool made =
      X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
      AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") &&
      AddExtension(ca, ca, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign") &&
      AddExtension(ca, ca, NID_subject_key_identifier, "hash") &&
      X509_sign(ca, draft->key.get(), EVP_sha256()) > 0;
  if (!made) return OpenSslError(Code::kInternal, "make a certificate authority");
  return ToPem(ca, draft->key.get());
}

Result<KeyPair> IssueCertificate(const KeyPair& authority, const CertificateRequest& request) {
  const auto ca = ReadCertificate(authority.certificate_pem, "the CA's certificate");
  if (!ca) return ca.error();
  const auto ca_key = ReadKey(authority.key_pem, "the CA's key");
  if (!ca_key) return ca_key.error();
  const auto draft = NewDraft(request);
  if (!draft) return draft.error();
  X509* leaf = draft->certificate.get();
  bool made = X509_set_issuer_name(leaf, X509_get_subject_name(ca->get())) == 1 &&
              AddExtension(leaf, ca->get(), NID_basic_constraints, "critical,CA:FALSE") &&
              AddExtension(leaf, ca->get(), NID_key_usage, "critical,digitalSignature") &&
              AddExtension(leaf, ca->get(), NID_ext_key_usage,
                           request.server ? "serverAuth" : "clientAuth") &&
              AddExtension(leaf, ca->get(), NID_subject_key_identifier, "hash") &&
              AddExtension(leaf, ca->get(), NID_authority_key_identifier, "keyid:always");
  if (auto named = AddAlternativeNames(leaf, request); !named) return named.error();
  made = made && X509_sign(leaf, ca_key->get(), EVP_sha256()) > 0;
  if (!made) return OpenSslError(Code::kInternal, "issue a certificate");
  return ToPem(leaf, draft->key.get());
}

Result<Validity> CertificateValidity(std::string_view certificate_pem) {
  const auto certificate = ReadCertificate(certificate_pem, "the text");
  if (!certificate) return certificate.error();
  std::tm begin{};
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate->get()), &begin) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate->get()), &end) != 1)
    return OpenSslError(Code::kInvalid, "read the certificate's validity");
  const auto time = [](std::tm& tm) { return std::chrono::system_clock::from_time_t(timegm(&tm)); };
  return Validity{time(begin), time(end)};
}

}  // namespace leat::net

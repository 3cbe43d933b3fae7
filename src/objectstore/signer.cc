#include "objectstore/signer.h"

#include <chrono>

#include "aws/sigv4.h"

namespace leat::objectstore {
namespace {

class AnonymousSigner : public Signer {
 public:
  Status Sign(net::ClientRequest&, const std::string&, const std::stop_token&) override {
    return {};
  }
};

// Bodies carry a checksum of their own, which costs a tenth of what SHA-256 does.
void SignWith(const aws::Credentials& credentials, net::ClientRequest& request,
              const std::string& region) {
  aws::SignV4(request, {.credentials = credentials,
                        .region = region,
                        .service = "s3",
                        .now = std::chrono::system_clock::now(),
                        .payload_hash = aws::kUnsignedPayload});
}

class FixedKeySigner : public Signer {
 public:
  explicit FixedKeySigner(aws::Credentials credentials) : credentials_(std::move(credentials)) {}
  Status Sign(net::ClientRequest& request, const std::string& region,
              const std::stop_token&) override {
    SignWith(credentials_, request, region);
    return {};
  }

 private:
  const aws::Credentials credentials_;
};

class ProvidedKeySigner : public Signer {
 public:
  explicit ProvidedKeySigner(std::shared_ptr<aws::CredentialProvider> provider)
      : provider_(std::move(provider)) {}
  Status Sign(net::ClientRequest& request, const std::string& region,
              const std::stop_token& stop) override {
    const auto credentials = provider_->Get(stop);
    if (!credentials && credentials.error().code == Code::kUnauthorized) {
      return Error{Code::kUnauthorized,
                   credentials.error().message + "; a public bucket is read with --anonymous"};
    }
    if (!credentials) return credentials.error();
    SignWith(*credentials, request, region);
    return {};
  }
  void Renew() override { provider_->Invalidate(); }

 private:
  const std::shared_ptr<aws::CredentialProvider> provider_;
};

}  // namespace

std::shared_ptr<Signer> MakeAnonymousSigner() { return std::make_shared<AnonymousSigner>(); }

std::shared_ptr<Signer> MakeKeySigner(aws::Credentials credentials) {
  return std::make_shared<FixedKeySigner>(std::move(credentials));
}

std::shared_ptr<Signer> MakeKeySigner(std::shared_ptr<aws::CredentialProvider> provider) {
  return std::make_shared<ProvidedKeySigner>(std::move(provider));
}

}  // namespace leat::objectstore

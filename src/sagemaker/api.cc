#include "sagemaker/api.h"

#include "aws/json_client.h"
#include "net/client.h"

namespace leat::sagemaker {
namespace {

class HttpSageMakerApi : public SageMakerApi {
 public:
  explicit HttpSageMakerApi(const OperatorOptions& options)
      : options_(options), http_(net::Client::Make({.tls = {.ca_pem = options.ca_pem}})) {}

  std::string EndpointOf(const Place& place) const override {
    if (!place.endpoint.empty()) return place.endpoint;
    if (!options_.default_endpoint.empty()) return options_.default_endpoint;
    return aws::FindEndpoint("sagemaker", place.region);
  }

  Result<json::Value> Call(const Place& place, std::string_view operation, const json::Value& input,
                           const std::stop_token& stop) override {
    // The default endpoint's key is nobody else's business.
    const bool foreign = !place.endpoint.empty() && place.endpoint != options_.default_endpoint;
    const aws::JsonService service = {
        .endpoint = EndpointOf(place),
        .region = place.region,
        .signing_name = "sagemaker",
        .target_prefix = "SageMaker",
        .credentials =
            foreign ? aws::FindCredentials().value_or(aws::Credentials()) : options_.credentials};
    return aws::Call(*http_, service, operation, input, stop);
  }

 private:
  const OperatorOptions options_;
  std::unique_ptr<net::Client> http_;
};

}  // namespace

std::unique_ptr<SageMakerApi> MakeSageMakerApi(const OperatorOptions& options) {
  return std::make_unique<HttpSageMakerApi>(options);
}

}  // namespace leat::sagemaker

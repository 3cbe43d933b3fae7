#include "objectstore/s3_environment.h"

#include "aws/ca_bundle.h"

namespace leat::objectstore {

S3Options S3OptionsFromEnvironment() {
  S3Options options;
  options.region = aws::FindRegion();
  options.endpoint = aws::FindEndpoint("s3", options.region);
  options.credentials = aws::FindCredentials().value_or(aws::Credentials());
  options.ca_pem = aws::FindCaBundle();
  return options;
}

}  // namespace leat::objectstore

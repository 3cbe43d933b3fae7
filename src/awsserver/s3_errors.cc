#include "awsserver/s3_errors.h"

#include <fmt/format.h>

#include "aws/xml.h"
#include "base/log.h"

namespace leat::awsserver {

AwsError AccessDenied() { return {"AccessDenied", "Access Denied", 403}; }

AwsError NoSuchBucket(const std::string& bucket) {
  return {"NoSuchBucket", "The specified bucket does not exist", 404, {{"BucketName", bucket}}};
}

AwsError NoSuchKey(const std::string& key) {
  return {"NoSuchKey", "The specified key does not exist.", 404, {{"Key", key}}};
}

AwsError NoSuchUpload(const std::string& id) {
  return {"NoSuchUpload",
          "The specified upload does not exist. The upload ID may be invalid, or the upload may "
          "have been aborted or completed.",
          404,
          {{"UploadId", id}}};
}

AwsError PreconditionFailed(const std::string& condition) {
  return {"PreconditionFailed",
          "At least one of the pre-conditions you specified did not hold",
          412,
          {{"Condition", condition}}};
}

AwsError InvalidArgument(std::string message, const std::string& name, std::string_view value) {
  return {"InvalidArgument",
          std::move(message),
          400,
          {{"ArgumentName", name}, {"ArgumentValue", std::string(value)}}};
}

AwsError InvalidRequest(std::string message) { return {"InvalidRequest", std::move(message), 400}; }

AwsError MalformedXml() {
  return {"MalformedXML",
          "The XML you provided was not well-formed or did not validate against our published "
          "schema",
          400};
}

AwsError EntityTooLarge(uint64_t proposed, uint64_t allowed) {
  return {
      "EntityTooLarge",
      "Your proposed upload exceeds the maximum allowed size",
      400,
      {{"ProposedSize", std::to_string(proposed)}, {"MaxSizeAllowed", std::to_string(allowed)}}};
}

AwsError NotImplemented(std::string_view what) {
  return {"NotImplemented",
          fmt::format("{} implies functionality that is not implemented by Leat", what), 501};
}

AwsError StorageError(const Error& error, std::string_view what) {
  switch (error.code) {
    case Code::kExhausted:
      LogError("s3 store is full", {{"doing", what}, {"error", error}});
      return {"InsufficientStorage",
              "There is not enough space left on the disk of this server; free some and try again",
              507};
    case Code::kTimeout:
    case Code::kUnavailable:
    case Code::kCancelled:
      return {"ServiceUnavailable", "Please reduce your request rate.", 503};
    case Code::kInvalid:
    case Code::kUnauthorized:
    case Code::kForbidden:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kExpired:
    case Code::kTooLarge:
    case Code::kCorrupt:
    case Code::kUnimplemented:
    case Code::kInternal:
      break;
  }
  LogError("s3 store failed", {{"doing", what}, {"error", error}});
  return {"InternalError", "We encountered an internal error. Please try again.", 500};
}

void WriteXmlError(const AwsError& error, const std::string& resource,
                   const std::string& request_id, net::ResponseWriter& response) {
  if (error.http_status == 304) return response.Send(304, "");
  aws::XmlWriter xml("Error");
  xml.Add("Code", error.type).Add("Message", error.message);
  for (const auto& [name, value] : error.details) xml.Add(name, value);
  xml.Add("Resource", resource).Add("RequestId", request_id).Add("HostId", "leat");
  response.headers.Set("Content-Type", "application/xml");
  response.Send(error.http_status, xml.Finish());
}

}  // namespace leat::awsserver

// POST Object: a browser's upload form, whose sender need not hold a key: whoever made the form
// signed a policy that says what it may upload.
#include <fmt/format.h>

#include <set>

#include "aws/checksum.h"
#include "aws/xml.h"
#include "awsserver/form_reader.h"
#include "awsserver/post_policy.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_known_headers.h"
#include "awsserver/s3_operations.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxFields = 20 << 10;  // all of them together
constexpr size_t kMaxFieldCount = 200;

struct Form {
  Fields fields;  // names in lower case, in order
  FormReader::Part file;

  std::string Get(std::string_view name) const {
    for (const auto& [field, value] : fields) {
      if (field == name) return value;
    }
    return "";
  }
};

AwsError MalformedPost(const Error& error) {
  if (error.code == Code::kTooLarge) {
    return {"MaxPostPreDataLengthExceededError",
            "Your POST request fields preceding the upload file were too large.", 400};
  }
  if (error.code == Code::kInvalid) {
    return {"MalformedPOSTRequest",
            "The body of your POST request is not well-formed multipart/form-data.", 400};
  }
  return {"IncompleteBody", error.message, 400};
}

// One of two equal names would be checked against the policy, and the other be obeyed.
Answer<void> CheckOnce(const Fields& fields) {
  std::set<std::string_view> names;
  for (const auto& [name, value] : fields) {
    if (!names.insert(name).second)
      return InvalidArgument("POST requires that each form field is given at most once.", name,
                             value);
  }
  return {};
}

// Reads the fields up to the file, which comes last. Nobody has shown a key yet, so all that comes
// before the file is bounded.
Answer<Form> ReadFields(FormReader& reader) {
  Form form;
  size_t total = 0;
  if (auto preamble = reader.ReadPart(kMaxFields); !preamble)
    return MalformedPost(preamble.error());
  while (true) {
    auto part = reader.NextPart();
    if (!part) return MalformedPost(part.error());
    if (!*part) {
      return InvalidArgument("POST requires exactly one file upload per request.", "file", "0");
    }
    const std::string name = Lower((*part)->name);
    if (!IsHeaderName(name)) {
      return InvalidArgument(
          "A form field's name must be a token: letters, digits and !#$%&'*+-.^_`|~", "name", name);
    }
    if (name == "file") {
      form.file = std::move(**part);
      if (auto once = CheckOnce(form.fields); !once) return once.error();
      return form;
    }
    auto value = reader.ReadPart(kMaxFields - std::min(total, kMaxFields));
    if (!value) return MalformedPost(value.error());
    total += name.size() + value->size();
    if (total > kMaxFields || form.fields.size() == kMaxFieldCount)
      return MalformedPost({Code::kTooLarge, ""});
    form.fields.emplace_back(name, std::move(*value));
  }
}

Answer<void> CheckHeaders(const net::Headers& headers, unsigned operation) {
  if (auto known = CheckAmzFields(headers.all(), operation); !known) return known;
  if (auto obeyed = CheckConditions(headers, takes::kNothing); !obeyed) return obeyed;
  if (headers.Has("Content-MD5")) return NotImplemented("Content-MD5 with a form");
  return CheckExpectedOwners(headers);
}

// What the request asks for beside its form must be what is done, too.
Answer<void> CheckRequest(const net::ServerRequest& request) {
  for (const auto& [name, value] : request.query.all()) return NotImplemented("POST ?" + name);
  return CheckHeaders(request.headers, takes::kNothing);
}

// What the form asks for must be what is done.
Answer<void> CheckFields(const Form& form) {
  net::Headers fields;
  for (const auto& [name, value] : form.fields) {
    if (name == "tagging" && !value.empty()) return NotImplemented("The form field tagging");
    fields.Add(name == "acl" ? "x-amz-acl" : name, value);
  }
  return CheckHeaders(fields, takes::kForm);
}

FormSignature SignatureOf(const Form& form) {
  return {.policy = form.Get("policy"),
          .algorithm = form.Get("x-amz-algorithm"),
          .credential = form.Get("x-amz-credential"),
          .signature = form.Get("x-amz-signature"),
          .session_token = form.Get("x-amz-security-token"),
          .v2_access_key_id = form.Get("awsaccesskeyid"),
          .v2_signature = form.Get("signature")};
}

// The key with ${filename} replaced by the name the browser gave, without its folders.
std::string KeyOf(const Form& form) {
  std::string key = form.Get("key");
  std::string name = form.file.filename;
  name.erase(0, name.find_last_of("/\\") + 1);
  constexpr std::string_view kVariable = "${filename}";
  for (size_t at = key.find(kVariable); at != std::string::npos;
       at = key.find(kVariable, at + name.size())) {
    key.replace(at, kVariable.size(), name);
  }
  return key;
}

Answer<ReceivedBody> ReceiveFile(const S3Stores& stores, const Form& form, FormReader& reader,
                                 const SizeLimits& limits) {
  const auto payload = Payload::OfStream([&](std::span<char> out) { return reader.Read(out); },
                                         std::min(limits.max, kMaxPut));
  std::string said;
  for (const hash::Algorithm algorithm : aws::kChecksumAlgorithms) {
    const std::string value = form.Get(aws::ChecksumHeader(algorithm));
    if (value.empty()) continue;
    if (!said.empty()) {
      return InvalidRequest("Expecting a single x-amz-checksum- field. Multiple are not allowed.");
    }
    payload->Compute(algorithm);
    said = value;
  }
  auto body = Receive(stores, *payload);
  if (!body) return body;
  if (!said.empty() && body->checksum->value != said) {
    stores.blobs.Remove({body->piece.blob});
    return AwsError{"BadDigest", "The checksum you specified did not match the calculated one.",
                    400};
  }
  if (body->piece.size < limits.min) {
    stores.blobs.Remove({body->piece.blob});
    return AwsError{"EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                    400,
                    {{"ProposedSize", std::to_string(body->piece.size)},
                     {"MinSizeAllowed", std::to_string(limits.min)}}};
  }
  return body;
}

void SendPosted(const Form& form, const std::string& bucket, const std::string& key,
                const std::string& etag, const net::ServerRequest& request,
                net::ResponseWriter& response) {
  const std::string path = fmt::format("/{}/{}", bucket, PercentEncode(key, /*keep_slash=*/true));
  const std::string location = fmt::format("http://{}{}", request.headers.Get("Host"), path);
  response.headers.Set("ETag", Quoted(etag));
  response.headers.Set("Location", location);
  std::string redirect = form.Get("success_action_redirect");
  if (redirect.empty()) redirect = form.Get("redirect");
  if (!redirect.empty()) {
    redirect += redirect.find('?') == std::string::npos ? '?' : '&';
    redirect += fmt::format("bucket={}&key={}&etag={}", bucket, PercentEncode(key),
                            PercentEncode(Quoted(etag)));
    response.headers.Set("Location", redirect);
    return response.Send(303, "");
  }
  const std::string status = form.Get("success_action_status");
  if (status == "200") return response.Send(200, "");
  if (status != "201") return response.Send(204, "");
  aws::XmlWriter xml("PostResponse");
  xml.Add("Location", location).Add("Bucket", bucket).Add("Key", key).Add("ETag", Quoted(etag));
  response.headers.Set("Content-Type", "application/xml");
  response.Send(201, xml.Finish());
}

}  // namespace

Answer<void> PostObject(const S3Stores& stores, Authenticator& authenticator,
                        net::ServerRequest& request, net::ResponseWriter& response,
                        const std::string& bucket) {
  const std::string boundary = FormReader::Boundary(request.headers.Get("Content-Type"));
  if (boundary.empty() || boundary.size() > 200) return MalformedPost({Code::kInvalid, ""});
  // Nobody waits for a client that has not shown whose form it sends: awsserver::BodyFirst had more
  // taken in than may come before the file.
  bool may_wait = false;
  FormReader reader(
      [&](std::span<char> out) -> Result<size_t> {
        if (!may_wait && request.MustWait()) return Error{Code::kTooLarge, ""};
        return request.Read(out);
      },
      boundary);
  auto form = ReadFields(reader);
  if (!form) return form.error();
  const std::string key = KeyOf(*form);
  if (key.empty()) {
    return InvalidArgument(
        "Bucket POST must contain a field named 'key'.  If it is specified, "
        "please check the order of the fields.",
        "key", "");
  }
  const FormSignature signature = SignatureOf(*form);
  if (!signature.v2_access_key_id.empty() && signature.v2_signature.empty()) {
    return InvalidArgument(
        "Bucket POST must contain a field named 'Signature'.  If it is specified, please check the "
        "order of the fields.",
        "Signature", "");
  }
  const auto caller = authenticator.CheckForm(signature);
  if (!caller) return caller.error();
  const auto policy = Base64Decode(form->Get("policy"));
  if (!policy) return AwsError{"InvalidPolicyDocument", "Invalid Policy: Invalid Base64.", 400};
  Fields checked = form->fields;
  std::erase_if(checked, [](const auto& field) { return field.first == "bucket"; });
  checked.emplace_back("bucket", bucket);
  for (auto& [name, value] : checked) {
    if (name == "key") value = key;
  }
  const auto limits = CheckPostPolicy(*policy, checked, stores.clock.Now());
  if (!limits) return limits.error();
  const S3Call call{request, response, *caller, bucket, key};
  if (!call.MayWrite()) return AccessDenied();
  if (auto valid = CheckKey(key); !valid) return valid;
  if (auto there = RequireBucket(stores, bucket); !there) return there;
  if (auto obeyed = CheckRequest(request); !obeyed) return obeyed;
  if (auto obeyed = CheckFields(*form); !obeyed) return obeyed;
  auto headers = FieldsToKeep(form->fields);
  if (!headers) return headers.error();
  may_wait = true;
  const auto body = ReceiveFile(stores, *form, reader, *limits);
  if (!body) return body.error();
  if (auto stored = StoreReceived(stores, bucket, key, *body, std::move(*headers), {}); !stored) {
    return stored;
  }
  SendPosted(*form, bucket, key, HexEncode(body->md5), request, response);
  return {};
}

}  // namespace leat::awsserver

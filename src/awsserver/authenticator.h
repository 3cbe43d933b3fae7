// Who sent a request: checks Signature Version 4 and 2, in headers, presigned URLs and POST forms.
// Failures carry S3's names and texts; ToJsonAuthError turns them into those of the JSON services.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "aws/chunked.h"
#include "aws/sigv4.h"
#include "awsserver/key_ring.h"
#include "awsserver/service.h"
#include "net/http.h"
#include "net/server.h"

namespace leat::awsserver {

// A caller whose signature was right.
struct Caller {
  Principal principal;
  std::string region;  // of the scope; "" for Signature Version 2
  // What the signature covers of the body: x-amz-content-sha256, or UNSIGNED-PAYLOAD.
  std::string payload_hash;
  aws::ChunkSigning chunk_signing;  // for signed aws-chunked bodies
};

// How a request claims to be signed.
enum class SignatureKind { kNone, kV4Header, kV4Query, kV2Header, kV2Query };
SignatureKind KindOf(const net::ServerRequest& request);
// The scope's service as claimed ("s3" for Version 2); "" when unsigned or malformed.
std::string ClaimedService(const net::ServerRequest& request);

// The fields of a POST form that prove who made its policy.
struct FormSignature {
  std::string policy;                                           // Base64, as sent
  std::string algorithm, credential, signature, session_token;  // Version 4
  std::string v2_access_key_id, v2_signature;                   // Version 2
};

// Thread-safe.
class Authenticator {
 public:
  Authenticator(KeyRing& keys, Clock& clock) : keys_(keys), clock_(clock) {}

  // An S3 request, from its head alone: the hash of the body is as declared.
  Answer<Caller> CheckS3(const net::ServerRequest& request);
  // A request of any other service (Version 4). `body_hash` gives the SHA-256 of its body in hex,
  // or a refusal; it is called once all is right that shows without the body: key, token, time and
  // signed headers, and the signature too when x-amz-content-sha256 tells what is signed.
  using BodyHash = std::function<Answer<std::string>()>;
  Answer<Caller> CheckService(const net::ServerRequest& request, const BodyHash& body_hash);
  Answer<Caller> CheckForm(const FormSignature& form);

 private:
  Answer<Key> FindKey(const std::string& access_key_id, std::string_view session_token);
  // The key of a request whose claims are right, all but the signature itself.
  Answer<Key> CheckClaims(const net::ServerRequest& request, const aws::Authorization& auth);
  static Answer<Caller> CheckSignature(const net::ServerRequest& request,
                                       const aws::Authorization& auth, const Key& key,
                                       std::string_view payload_hash);
  Answer<Caller> CheckV4(const net::ServerRequest& request, const aws::Authorization& auth,
                         std::string_view payload_hash);
  Answer<Caller> CheckV2(const net::ServerRequest& request, SignatureKind kind);
  Answer<void> CheckTime(const aws::Authorization& auth);

  KeyRing& keys_;
  Clock& clock_;
};

// Whether x-amz-content-sha256 is a hash, and not the name of a way to sign without one.
bool IsSha256Hex(std::string_view text);

AwsError ToJsonAuthError(AwsError error);

}  // namespace leat::awsserver

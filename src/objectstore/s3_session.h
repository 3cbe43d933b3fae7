// One signed S3 request at a time, tried again while the store cannot answer: what S3Client's
// operations are made of.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "aws/xml.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/client.h"
#include "objectstore/patience.h"
#include "objectstore/s3_client.h"
#include "objectstore/signer.h"

namespace leat::objectstore {

struct S3Reply;

struct S3Call {
  std::string method;
  std::string bucket;
  std::string key;    // "" for the bucket
  std::string query;  // percent-encoded
  net::Headers headers;
  std::string body;
  // Instead of `body`: makes a source of body_size bytes, anew for each attempt.
  std::function<std::function<Result<size_t>(std::span<char>)>()> make_source;
  uint64_t body_size = 0;
  std::string answer;  // root element of the XML that a success brings; "": none is needed
  // Looks at a success; what it calls kCorrupt is asked for again. None: all are good.
  std::function<Status(const S3Reply&)> check;
  std::string scheme = "s3";  // of the source, for messages
  // "GET s3://bucket/key"
  std::string ToString() const;
};

struct S3Reply {
  int status = 0;
  net::Headers headers;
  aws::XmlNode root;  // of the body, where S3Call::answer names one
};

// After a PUT of bytes: kCorrupt unless the store gave their ETag, as every store does that kept
// them.
Status CheckStored(const S3Call& call, const S3Reply& reply);

// Where a call goes: path style, or the bucket in front of the host (over https only while the
// bucket's name has no dots, which the certificate would not cover). kInvalid for a bad endpoint.
Result<net::Url> S3RequestUrl(const S3Options& options, const std::string& endpoint,
                              const S3Call& call);
// "https://s3.us-east-1.amazonaws.com" in another region; other endpoints stay as they are.
std::string EndpointInRegion(std::string endpoint, const std::string& from, const std::string& to);

// Thread-safe.
class S3Session {
 public:
  explicit S3Session(S3Options options);
  const S3Options& options() const { return options_; }
  RetryOptions retry() const { return {options_.retry_for, options_.on_retry}; }

  // A success (2xx) whose whole body was read and is what the call expects (`answer` and `check`);
  // retried. A 2xx with an <Error> in it counts as 500, since stores may fail after they have sent
  // their status; kCorrupt when the body is something else than `answer`, e.g. the page of a proxy.
  // Errors as S3Client's.
  Result<S3Reply> Call(const S3Call& call, const std::stop_token& stop);
  // One answer, whose body the caller reads. Sent again at once when the store names the bucket's
  // region (from then on it is used) or refuses the credentials (they are read anew), each once,
  // and to where a 307 or 308 points: signed anew, and never from https to http.
  Result<std::unique_ptr<net::ClientResponse>> Open(const S3Call& call,
                                                    const std::stop_token& stop);

 private:
  struct Place {
    std::string endpoint;
    std::string region;
  };
  Place CurrentPlace();
  // False when that is where it was tried.
  bool MoveTo(const std::string& region, const Place& tried);
  Result<std::unique_ptr<net::ClientResponse>> Send(const S3Call& call, const net::Url& url,
                                                    const std::string& region,
                                                    const std::stop_token& stop);
  // Where to send it after such an answer; nullopt when it is not to be sent there.
  std::optional<net::Url> Redirected(const net::Url& from, int status, const std::string& location,
                                     const S3Call& call) const;

  const S3Options options_;
  const std::shared_ptr<Signer> signer_;
  const std::unique_ptr<net::Client> http_;
  Mutex mu_;
  Place place_ GUARDED_BY(mu_);
};

}  // namespace leat::objectstore

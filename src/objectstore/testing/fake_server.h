// For the tests: a server in this process that keeps objects in memory, speaks S3 or shows index
// pages as web servers do, and misbehaves when told to.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "net/server.h"

namespace leat::objectstore {

enum class Fault {
  kTruncate,     // half of the body, then the connection is cut
  kBusy,         // 503
  kServerError,  // 500
  kWrongRange,   // another range than asked for
  kShort,        // a whole answer that is too short
  kStall,        // half of the body, then nothing
  kChange,       // half of the body; then the object is another, and the connection is cut
};

class FakeServer {
 public:
  enum class Kind { kS3, kNginx, kApache, kPython };
  explicit FakeServer(Kind kind);

  // "http://127.0.0.1:1234"
  std::string endpoint() const;
  // The source's URL: s3://bucket/data/ or http://127.0.0.1:1234/data/.
  std::string source() const;
  void Put(const std::string& key, std::string bytes);
  void Remove(const std::string& key);
  // The next GETs of objects meet these, one each.
  void Fail(std::deque<Fault> faults);
  // Looks at each request first; true when it has answered.
  using Intercept = std::function<bool(net::ServerRequest&, net::ResponseWriter&)>;
  void SetIntercept(Intercept intercept);
  int object_gets() const;

 private:
  struct Object {
    std::string bytes;
    int version = 0;
  };

  void Handle(net::ServerRequest& request, net::ResponseWriter& response);
  void List(net::ServerRequest& request, net::ResponseWriter& response);
  void Index(const std::string& directory, net::ResponseWriter& response);
  void Serve(const std::string& key, net::ServerRequest& request, net::ResponseWriter& response);
  void ServeBadly(Fault fault, const std::string& key, net::ServerRequest& request,
                  net::ResponseWriter& response, int status, std::string body);
  std::string ErrorBody(const std::string& code) const;
  std::string EtagOf(const Object& object) const;

  const Kind kind_;
  mutable Mutex mu_;
  std::map<std::string, Object> objects_ GUARDED_BY(mu_);
  std::deque<Fault> faults_ GUARDED_BY(mu_);
  Intercept intercept_ GUARDED_BY(mu_);
  int versions_ GUARDED_BY(mu_) = 0;
  int object_gets_ GUARDED_BY(mu_) = 0;
  std::unique_ptr<net::Server> server_;
};

}  // namespace leat::objectstore

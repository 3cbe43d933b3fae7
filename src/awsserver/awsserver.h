// The AWS-compatible endpoint.
#pragma once

#include <memory>
#include <string>

#include "api/object_client.h"
#include "aws/credentials.h"
#include "awsserver/log_store.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/server.h"

namespace leat::awsserver {

inline constexpr char kAccountId[] = "000000000000";
// Where the engine's objects live, and the label and type of Secrets that hold job keys.
inline constexpr char kEngineNamespace[] = "leat-engine";

struct Options {
  std::string data_dir;   // DIR/aws: S3 files and databases
  aws::Credentials root;  // the account's own key
  std::string default_region = "us-east-1";
};

// A job's temporary key is a Secret in kEngineNamespace named KeySecretName(access key id), type
// "leat.dev/aws-key", data: accessKeyId, secretAccessKey, sessionToken, and `policy`, JSON
// {"read": ["bucket/prefix", ...], "write": ["bucket/prefix", ...]}: reads and lists of keys that
// start with a `read` prefix, writes (and reads) of those with a `write` prefix; nothing else. A
// prefix is plain text, as SageMaker's S3Prefix is: end it in '/' to mean a folder. Deleting the
// Secret ends the key within two seconds.
std::string KeySecretName(const std::string& access_key_id);

// For net::ServerOptions::body_first of the port: how much of a request's body shows who sent it.
// The whole body of services that sign it, the fields of a form, and nothing of all others.
size_t BodyFirst(const net::ServerRequest& head);

class AwsServer {
 public:
  // Opens the stores under data_dir. `objects` is where TrainingRuns and job keys live.
  static Result<std::unique_ptr<AwsServer>> Open(Options options, api::ObjectClient& objects,
                                                 Clock& clock);
  virtual ~AwsServer() = default;
  // One port for all services, told apart as design.md fixes it. Valid while this lives. To be
  // served with BodyFirst.
  virtual net::Handler HttpHandler() = 0;
  virtual LogStore& logs() = 0;
};

}  // namespace leat::awsserver

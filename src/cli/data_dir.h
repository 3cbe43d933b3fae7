// The data directory of `leat up`: its lock, its identities, and the files that tell users the way
// in.
//
//   DIR/lock               held while a Leat runs here, as DIR itself is
//   DIR/leat.db            the API's objects; leat.db.mark says that they were once there
//   DIR/pki/               the CA and the certificates made from it
//   DIR/kubeconfig         for kubectl
//   DIR/ports              the ports picked for --listen HOST:0, used again at the next start
//   DIR/aws/               credentials and config (AWS shared-file form), S3 objects, logs
//   DIR/node/              pods: bundles, volumes, logs
#pragma once

#include <cstdint>
#include <string>

#include "aws/credentials.h"
#include "base/clock.h"
#include "base/result.h"
#include "cli/claim.h"
#include "net/tls.h"

namespace leat::cli {

// "HOST:PORT" or "[V6]:PORT"; port 0 = pick one.
struct ListenAddress {
  std::string host;
  uint16_t port = 0;
  static Result<ListenAddress> Parse(const std::string& text);
  std::string ToString() const;
};

// Who the embedded cluster is, and who its administrator is. Made once per data directory.
struct Identity {
  net::KeyPair authority;
  net::KeyPair admin;        // CN=admin, O=system:masters
  std::string bearer_token;  // the administrator's other way in
  aws::Credentials aws;      // the account's own key
};

// What follows "to begin anew, " where leat.db is lost.
inline constexpr char kBeginAnew[] =
    "start with another --data-dir; pods, S3 objects and keys of this one stay in it";

class DataDir {
 public:
  // /var/lib/leat as root, else ~/.leat.
  static std::string Default();
  // Makes the directory (mode 0700), or takes one that is ours or empty, and its lock, for which it
  // waits a few seconds. kAlreadyExists when another Leat runs on it: the message names its
  // process; kInvalid when the directory holds something else: it is left as it is.
  static Result<DataDir> Take(const std::string& path, Clock& clock);

  // Removes it with all that is in it if Take made it; for when nothing came of the start.
  Status DiscardIfNew();

  const std::string& path() const { return path_; }  // absolute
  std::string File(const std::string& name) const { return path_ + "/" + name; }

  // kCorrupt when pods are here whose database is not: a new one would know nothing of them, and
  // what no object knows is removed as left over.
  Status CheckDatabaseIsThere() const;

  // Reads the identity, or makes and keeps one. kCorrupt when the CA is not valid at this time by
  // the clock, as when it was made while the clock was wrong: the message says what to do.
  Result<Identity> LoadIdentity(Clock& clock);

  // The kept port for `service` ("api", "aws"), or 0.
  uint16_t KeptPort(const std::string& service) const;
  Status KeepPort(const std::string& service, uint16_t port);

  Status WriteKubeconfig(const Identity& identity, const std::string& server_url);
  // `ca_file` is named in the config when the endpoint uses TLS; else "".
  Status WriteAwsFiles(const Identity& identity, const std::string& endpoint_url,
                       const std::string& ca_file);

 private:
  DataDir(std::string path, bool is_new, DirectoryLock lock)
      : path_(std::move(path)), is_new_(is_new), lock_(std::move(lock)) {}
  std::string path_;
  bool is_new_;
  DirectoryLock lock_;
};

}  // namespace leat::cli

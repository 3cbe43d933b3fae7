// The embedded cluster: every part that `leat up` runs, in the order in which they need each other.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "apiserver/apiserver.h"
#include "awsserver/awsserver.h"
#include "base/clock.h"
#include "cli/data_dir.h"
#include "cli/own_definitions.h"
#include "cli/own_objects.h"
#include "cli/server_identity.h"
#include "engine/engine.h"
#include "net/server.h"
#include "node/node.h"
#include "sagemaker/operator.h"
#include "scheduler/scheduler.h"
#include "store/store.h"

namespace leat::cli {

struct ClusterOptions {
  ListenAddress listen{"127.0.0.1", 6443};
  ListenAddress aws_listen{"127.0.0.1", 9000};
  bool aws_tls = false;
  std::string node_name;
  std::vector<std::string> cache_dirs;  // as node::Options
  std::chrono::seconds capacity_wait = engine::EngineOptions{}.capacity_wait;
};

class EmbeddedCluster {
 public:
  // Brings everything up; ready to serve on return. The data directory must outlive it.
  static Result<std::unique_ptr<EmbeddedCluster>> Start(const ClusterOptions& options,
                                                        DataDir& data_dir, Clock& clock);

  // Ends every pod with its own grace period; returns when they are gone, or on stop.
  void StopPods(const std::stop_token& stop) { node_->StopPods(stop); }

  const std::string& api_url() const { return api_url_; }
  const std::string& aws_url() const { return aws_url_; }

 private:
  EmbeddedCluster() = default;
  // TLS for a port on this host, with a certificate that is renewed.
  net::TlsServerOptions TlsFor(const std::string& host, Clock& clock);
  Status StartApi(const ClusterOptions& options, DataDir& data_dir, Clock& clock);
  Status StartAws(const ClusterOptions& options, DataDir& data_dir, Clock& clock);
  // The CRDs, and the ConfigMap and Secret by which clients find the AWS endpoint.
  Status Install(Clock& clock);

  // Binds the wanted port, or the one kept from the last start when any will do, and keeps it.
  Result<std::unique_ptr<net::Server>> Serve(net::ServerOptions options, ListenAddress wanted,
                                             DataDir& data_dir, const std::string& service,
                                             const std::string& flag, net::Handler handler);
  // Why a port cannot be had, and who has it.
  Error PortInUse(const ListenAddress& wanted, const std::string& flag);

  Identity identity_;
  std::string api_url_, aws_url_, aws_ca_pem_;

  std::vector<std::unique_ptr<ServerIdentity>> server_identities_;  // of the ports

  // Destroyed from the last to the first: no part outlives what it uses, and the ports close before
  // what answers on them goes away.
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> apiserver_;
  std::unique_ptr<OwnDefinitions> definitions_;
  std::unique_ptr<OwnObjects> own_;
  std::unique_ptr<awsserver::AwsServer> awsserver_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<net::Server> api_port_;
  std::unique_ptr<net::Server> aws_port_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<sagemaker::Operator> operator_;
};

}  // namespace leat::cli

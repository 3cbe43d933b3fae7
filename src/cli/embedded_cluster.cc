#include "cli/embedded_cluster.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "cli/embedded_files.h"
#include "cli/port_holder.h"
#include "json/yaml.h"

namespace leat::cli {
namespace {

// What one of the two ports may hold: a quarter of the descriptors each, so that neither takes them
// from the other or from files. The limit is raised first, to what both want at most, where it may.
size_t ConnectionsOfAPort() {
  const size_t most = net::ServerOptions{}.max_connections;
  constexpr size_t kParts = 4;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return most / kParts;
  if (files.rlim_cur < most * kParts) {
    files.rlim_cur = std::min<rlim_t>(most * kParts, files.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
  }
  const size_t share = std::min<size_t>(most, files.rlim_cur / kParts);
  if (share < most)
    LogWarning("few connections at once: the limit of open files is low; raise it (ulimit -Hn)",
               {{"open_files", files.rlim_cur}, {"connections_of_a_port", share}});
  return share;
}

Result<std::string> ProgramsDir() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size < 0) return io::ErrnoError(errno, "readlink /proc/self/exe");
  const std::string program(path, static_cast<size_t>(size));
  return program.substr(0, program.rfind('/'));
}

}  // namespace

Error EmbeddedCluster::PortInUse(const ListenAddress& wanted, const std::string& flag) {
  const auto holder = FindPortHolder(wanted.host, wanted.port);
  std::string who = "another program";
  std::string advice = fmt::format("stop it, or choose another address with {}", flag);
  if (holder) who = fmt::format("process {} ({})", holder->pid, holder->program);
  const auto pods = holder && !holder->pod_uid.empty()
                        ? apiserver_->client().List(api::gvr::kPods, {})
                        : Result<api::ObjectList>(api::ObjectList{});
  if (pods)
    for (const json::Value& pod : pods->items) {
      if (pod["metadata"]["uid"].AsString() != holder->pod_uid) continue;
      const api::ObjectName name = api::NameOf(pod);
      // Named, since port 0 would be the kept one, which may be just this.
      const auto other = static_cast<uint16_t>(wanted.port == 65535 ? 1024 : wanted.port + 1);
      who = fmt::format("pod {} ({})", name.ToString(), who);
      advice = fmt::format(
          "start with another port ({} {}), delete the pod with \"kubectl delete pod -n {} {}\", "
          "and "
          "start again as before",
          flag, ListenAddress{wanted.host, other}.ToString(), name.ns, name.name);
    }
  return {Code::kAlreadyExists,
          fmt::format("{} is in use by {}; {}", wanted.ToString(), who, advice)};
}

Result<std::unique_ptr<net::Server>> EmbeddedCluster::Serve(net::ServerOptions options,
                                                            ListenAddress wanted, DataDir& data_dir,
                                                            const std::string& service,
                                                            const std::string& flag,
                                                            net::Handler handler) {
  const bool any = wanted.port == 0;
  if (any) wanted.port = data_dir.KeptPort(service);
  options.address = wanted.host;
  options.port = wanted.port;
  auto server = net::Server::Start(std::move(options), std::move(handler));
  if (!server && server.error().code == Code::kAlreadyExists) return PortInUse(wanted, flag);
  if (!server) return server.error().Within("cannot listen on " + wanted.ToString());
  if (any)
    if (auto kept = data_dir.KeepPort(service, (*server)->port()); !kept) return kept.error();
  return server;
}

Result<std::unique_ptr<EmbeddedCluster>> EmbeddedCluster::Start(const ClusterOptions& options,
                                                                DataDir& data_dir, Clock& clock) {
  std::unique_ptr<EmbeddedCluster> cluster(new EmbeddedCluster);
  if (auto there = data_dir.CheckDatabaseIsThere(); !there) return there.error();
  auto identity = data_dir.LoadIdentity(clock);
  if (!identity) return identity.error();
  cluster->identity_ = *identity;
  if (auto done = cluster->StartApi(options, data_dir, clock); !done) return done.error();
  if (auto done = cluster->StartAws(options, data_dir, clock); !done) return done.error();
  if (auto done = cluster->Install(clock); !done) return done.error();

  api::ObjectClient& client = cluster->apiserver_->client();
  auto programs = ProgramsDir();
  if (!programs) return programs.error();
  auto node = node::Node::Start({.data_dir = data_dir.File("node"),
                                 .name = options.node_name,
                                 .programs_dir = *programs,
                                 .cache_dirs = options.cache_dirs},
                                client, clock);
  if (!node) return node.error();
  cluster->node_ = std::move(*node);
  cluster->apiserver_->SetPodLogs(cluster->node_.get());
  cluster->scheduler_ = scheduler::Scheduler::Start(client, clock);
  cluster->engine_ = engine::Engine::Start({.aws_endpoint = cluster->aws_url_,
                                            .aws_ca_pem = cluster->aws_ca_pem_,
                                            .capacity_wait = options.capacity_wait},
                                           client, cluster->awsserver_->logs(), clock);
  cluster->operator_ =
      sagemaker::Operator::Start({.default_endpoint = cluster->aws_url_,
                                  .ca_pem = cluster->aws_ca_pem_,
                                  .credentials = cluster->identity_.aws,
                                  .poll = std::chrono::seconds(1)},  // the endpoint is next door
                                 client, clock);
  return cluster;
}

net::TlsServerOptions EmbeddedCluster::TlsFor(const std::string& host, Clock& clock) {
  server_identities_.push_back(std::make_unique<ServerIdentity>(identity_.authority, host, clock));
  ServerIdentity& identity = *server_identities_.back();
  net::TlsServerOptions tls;
  tls.current_identity = [&identity] { return identity.Current(); };
  return tls;
}

Status EmbeddedCluster::StartApi(const ClusterOptions& options, DataDir& data_dir, Clock& clock) {
  auto store = store::Store::Open({.path = data_dir.File("leat.db"),
                                   .relaxed_types = {"events"},
                                   .relaxed_renewals = {"leases.coordination.k8s.io"},
                                   .begin_anew = kBeginAnew},
                                  clock);
  if (!store) return store.error();
  store_ = std::move(*store);
  auto server = apiserver::ApiServer::Start(
      {.access = {.bearer_token = identity_.bearer_token,
                  .client_ca_pem = identity_.authority.certificate_pem}},
      *store_, clock);
  if (!server) return server.error();
  apiserver_ = std::move(*server);

  net::TlsServerOptions tls = TlsFor(options.listen.host, clock);
  tls.client_ca_pem = identity_.authority.certificate_pem;
  auto port = Serve({.tls = std::move(tls),
                     .max_connections = ConnectionsOfAPort(),
                     .ahead = apiserver::IsHealthCheck},
                    options.listen, data_dir, "api", "--listen", apiserver_->HttpHandler());
  if (!port) return port.error();
  api_port_ = std::move(*port);
  api_url_ = "https://" + ListenAddress{options.listen.host, api_port_->port()}.ToString();
  return data_dir.WriteKubeconfig(identity_, api_url_);
}

Status EmbeddedCluster::StartAws(const ClusterOptions& options, DataDir& data_dir, Clock& clock) {
  auto server = awsserver::AwsServer::Open(
      {.data_dir = data_dir.File("aws"), .root = identity_.aws}, apiserver_->client(), clock);
  if (!server) return server.error();
  awsserver_ = std::move(*server);
  net::ServerOptions port_options{
      .threads = 32, .max_connections = ConnectionsOfAPort(), .body_first = awsserver::BodyFirst};
  if (options.aws_tls) {
    port_options.tls = TlsFor(options.aws_listen.host, clock);
    aws_ca_pem_ = identity_.authority.certificate_pem;
  }
  auto port = Serve(std::move(port_options), options.aws_listen, data_dir, "aws", "--aws-listen",
                    awsserver_->HttpHandler());
  if (!port) return port.error();
  aws_port_ = std::move(*port);
  aws_url_ = (options.aws_tls ? "https://" : "http://") +
             ListenAddress{options.aws_listen.host, aws_port_->port()}.ToString();
  return data_dir.WriteAwsFiles(identity_, aws_url_,
                                options.aws_tls ? data_dir.File("pki/ca.crt") : "");
}

Status EmbeddedCluster::Install(Clock& clock) {
  std::vector<json::Value> definitions;
  for (const EmbeddedFile& file : EmbeddedCrds()) {
    auto crds = json::ParseYaml(file.text);
    if (!crds) return crds.error().Within(file.name);
    definitions.insert(definitions.end(), crds->begin(), crds->end());
  }
  definitions_ =
      std::make_unique<OwnDefinitions>(apiserver_->client(), clock, std::move(definitions));
  if (auto started = definitions_->Start(); !started) return started;
  own_ = std::make_unique<OwnObjects>(apiserver_->client(), clock);
  using json::Object;
  if (auto done =
          own_->Put(api::gvr::kNamespaces,
                    Object({{"apiVersion", "v1"},
                            {"kind", "Namespace"},
                            {"metadata", Object({{"name", awsserver::kEngineNamespace}})}}));
      !done)
    return done;
  // The CA stands beside the endpoint, so that clients outside the data directory can verify it.
  const json::Value endpoint = Object({
      {"apiVersion", "v1"},
      {"kind", "ConfigMap"},
      {"metadata", Object({{"namespace", "kube-public"}, {"name", "leat-aws"}})},
      {"data", Object({{"endpoint", aws_url_}, {"ca.crt", aws_ca_pem_}})},
  });
  if (auto done = own_->Put(api::gvr::kConfigMaps, endpoint); !done) return done;
  const json::Value key = Object({
      {"apiVersion", "v1"},
      {"kind", "Secret"},
      {"type", "Opaque"},
      {"metadata", Object({{"namespace", "kube-system"}, {"name", "leat-aws"}})},
      {"data", Object({{"accessKeyId", Base64Encode(identity_.aws.access_key_id)},
                       {"secretAccessKey", Base64Encode(identity_.aws.secret_access_key)}})},
  });
  return own_->Put(api::gvr::kSecrets, key);
}

}  // namespace leat::cli

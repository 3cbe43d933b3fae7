// What clients of the control socket may ask, carried out on a DataNode. Requests are {"op": ...}
// and:
//   leave    options; {again: true}: ask anew, another data node (soon) runs with them, for this
//   one
//            ends when nothing is mounted and nobody else asks
//   mount    spec (MountSpec), options        progress {objects, bytes} while listing
//   umount   mountpoint, lazy
//   mounts   what is mounted                  stats    mountpoint: its figures
//   ls       target, recursive                progress {entries: [...]}
//   stat     target                           skipped  target; progress {skipped: [...]}
//   load     target, order (path of a file)   progress {done, total} in bytes
//   evict, pin, unpin     target
//   fsck     everything cached                progress {done, total} in bytes
//   df       the directories of the cache
//   top      figures of everything, at this moment; progress {mountpoint, processes: [...]}
//   trace    mountpoint, milliseconds; progress {files: [{id, path}...], lines}, see access_trace.h
//   metrics  the same for Prometheus          progress {text}, one after the other
// `options` are those that the user gave: {directories: ["PATH,size=N"...], memory: bytes}. They
// must be what this data node runs with. A target is {mountpoint, path} or {spec, path}; names that
// are not UTF-8 are {"base64": ...}. `view` is the client's ViewOfFiles(): what names a path is
// refused from another view.
#pragma once

#include <stop_token>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "datanode/control_server.h"
#include "datanode/data_node.h"
#include "datanode/view_of_files.h"
#include "json/value.h"

namespace leat::datanode {

// Thread-safe.
class Operations {
 public:
  // `options` are those that `node` was started with.
  Operations(DataNode& node, DataNodeOptions options) : node_(node), options_(std::move(options)) {}
  // A ControlHandler.
  Result<json::Value> Do(const json::Value& request, const Tell& tell, const std::stop_token& stop)
      EXCLUDES(mu_);
  // It was asked to, and may: nothing is mounted, and nothing more will be.
  bool leaving() const EXCLUDES(mu_);

 private:
  Result<json::Value> Carry(const json::Value& request, const Tell& tell,
                            const std::stop_token& stop);
  json::Value Leave(const json::Value& request) REQUIRES(mu_);
  Status CheckOptionsOf(const json::Value& request) const;
  // Refuses what names paths that mean something else here than where they come from.
  Status CheckView(const json::Value& request) const;
  bool HasOtherView(const json::Value& request) const;
  Result<json::Value> Mount(const json::Value& request, const Tell& tell,
                            const std::stop_token& stop);
  Result<json::Value> Unmount(const json::Value& request);
  Result<json::Value> Mounts() const;
  Result<json::Value> Stats(const json::Value& request) const;
  Result<json::Value> Df() const;
  Result<json::Value> Top(const Tell& tell) const;
  Result<json::Value> Metrics(const Tell& tell) const;

  DataNode& node_;
  const DataNodeOptions options_;
  const std::string view_ = ViewOfFiles();
  mutable Mutex mu_;
  int under_way_ GUARDED_BY(mu_) = 0;  // requests
  bool leaving_ GUARDED_BY(mu_) = false;
};

// kConflict when one of the options that the user gave is not that of the running data node.
Status CheckOptions(const json::Value& given, const DataNodeOptions& running);

}  // namespace leat::datanode

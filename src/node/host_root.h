// The host-root image: a root file system made of the host's programs and libraries, by an
// allow-list and never `/`. Read-only /usr (and /bin, /sbin, /lib*), Leat's programs, a generated
// /etc, and nothing of /root, /home, /var or the data directory.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "node/runtime.h"

namespace leat::node {

// Makes a container's root directory: mount points, symlinks as the host's /bin and /lib are, and
// the generated /etc (passwd, group, nsswitch.conf, hostname). `root` must not exist.
Status MakeHostRoot(const std::string& root, const std::string& hostname);

// What is bound into it: /usr and its like, /etc/ld.so.cache, ssl/certs, alternatives, Leat's
// programs. All read-only.
std::vector<Mount> HostRootMounts(const std::string& programs_dir);

}  // namespace leat::node

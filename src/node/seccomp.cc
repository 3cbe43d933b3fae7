// The default seccomp profile: what ordinary programs call, and nothing that reaches into the
// kernel's own state (mounts, modules, clocks, keyrings, bpf, perf, ptrace of others, new
// namespaces). The same idea and nearly the same list as the profiles that container users know.
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "base/strings.h"
#include "node/oci_config.h"

namespace leat::node {
namespace {

constexpr std::string_view kAllowed =
    "accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown "
    "chroot "
    "clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat "
    "dup dup2 "
    "dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd "
    "eventfd2 execve "
    "execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod "
    "fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr "
    "fsetxattr fstat "
    "fstatfs fsync ftruncate futex futex_waitv futimesat get_robust_list get_thread_area getcpu "
    "getcwd "
    "getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp "
    "getpid "
    "getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname "
    "getsockopt "
    "gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 "
    "inotify_rm_watch "
    "io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl ioprio_get "
    "ioprio_set "
    "kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link "
    "linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise membarrier "
    "memfd_create "
    "memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect "
    "mq_getsetattr "
    "mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd "
    "msync "
    "munlock munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause "
    "pidfd_open "
    "pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 "
    "preadv preadv2 "
    "prlimit64 process_mrelease pselect6 pwrite64 pwritev pwritev2 read readahead readlink "
    "readlinkat readv "
    "recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2 "
    "restart_syscall rmdir "
    "rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
    "rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min "
    "sched_getaffinity "
    "sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity "
    "sched_setattr "
    "sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop "
    "sendfile "
    "sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsuid "
    "setgid "
    "setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit "
    "setsid "
    "setsockopt setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 "
    "socketpair splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee "
    "tgkill "
    "time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create "
    "timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime "
    "utimensat utimes "
    "vfork vmsplice wait4 waitid write writev";

// clone may make threads and processes, not namespaces (CLONE_NEWNS ... CLONE_NEWNET and NEWTIME).
constexpr int64_t kNamespaceFlags = 0x7E020000;

json::Value ArgumentIs(int index, int64_t value) {
  return json::Object({{"index", index}, {"value", value}, {"op", "SCMP_CMP_EQ"}});
}

json::Value AllowedSocket(json::Value arguments) {
  return json::Object({{"names", json::Array({"socket"})},
                       {"action", "SCMP_ACT_ALLOW"},
                       {"args", std::move(arguments)}});
}

}  // namespace

json::Value DefaultSeccomp() {
  json::Value names = json::Array();
  for (const std::string_view name : Split(kAllowed, ' ')) names.Push(name);
  return json::Object({
      {"defaultAction", "SCMP_ACT_ERRNO"},
      {"defaultErrnoRet", EPERM},
      {"architectures", json::Array({"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
                                     "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"})},
      {"syscalls",
       json::Array({
           json::Object({{"names", names}, {"action", "SCMP_ACT_ALLOW"}}),
           json::Object({{"names", json::Array({"clone"})},
                         {"action", "SCMP_ACT_ALLOW"},
                         {"args", json::Array({json::Object({{"index", 0},
                                                             {"value", kNamespaceFlags},
                                                             {"valueTwo", 0},
                                                             {"op", "SCMP_CMP_MASKED_EQ"}})})}}),
           // Its flags lie behind a pointer that a filter cannot read; libc falls back to clone.
           json::Object({{"names", json::Array({"clone3"})},
                         {"action", "SCMP_ACT_ERRNO"},
                         {"errnoRet", ENOSYS}}),
           json::Object({{"names", json::Array({"personality"})},
                         {"action", "SCMP_ACT_ALLOW"},
                         {"args", json::Array({ArgumentIs(0, 0)})}}),
           // No packet, vsock, bluetooth, ... sockets: little-used kernel code, and other jobs'
           // packets. libc lists addresses over NETLINK_ROUTE.
           AllowedSocket(json::Array({ArgumentIs(0, AF_UNIX)})),
           AllowedSocket(json::Array({ArgumentIs(0, AF_INET)})),
           AllowedSocket(json::Array({ArgumentIs(0, AF_INET6)})),
           AllowedSocket(json::Array({ArgumentIs(0, AF_NETLINK), ArgumentIs(2, NETLINK_ROUTE)})),
       })},
  });
}

}  // namespace leat::node

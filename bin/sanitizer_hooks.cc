// For builds with AddressSanitizer only. LeakSanitizer stops the process with ptrace, which the
// seccomp profile of our containers refuses; it would fail every program that ends well in one.
#include <sys/prctl.h>

// Asked by LeakSanitizer before it looks.
extern "C" __attribute__((visibility("default"), used)) int __lsan_is_turned_off() {
  return prctl(PR_GET_SECCOMP) != 0 ? 1 : 0;
}

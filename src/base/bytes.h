// Sizes in bytes, written with their unit: 64_KiB.
#pragma once

#include <cstdint>
#include <string>

namespace leat {

constexpr uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr uint64_t operator""_GiB(unsigned long long n) { return n << 30; }

// "512 B", "4.0 KiB", "935.8 MiB": for people.
std::string HumanBytes(uint64_t bytes);

}  // namespace leat

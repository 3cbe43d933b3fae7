#include "datanode/mount_spec.h"

#include <gtest/gtest.h>

namespace leat::datanode {
namespace {

using std::chrono::seconds;

MountSpec Full() {
  MountSpec spec;
  spec.source = "s3://bucket/\xff prefix";
  spec.mountpoint = "/mnt/with\nnewline \xc3";
  spec.store.endpoint = "http://127.0.0.1:9000";
  spec.store.virtual_host = true;
  spec.store.anonymous = true;
  spec.store.retry_for = seconds(7);
  spec.ttl = seconds(0);
  spec.version_pin = true;
  spec.uid = 4294967295;
  spec.gid = 1000;
  spec.file_mode = 0440;
  spec.dir_mode = 0550;
  spec.allow_other = true;
  spec.passthrough = false;
  spec.environment = {{"AWS_PROFILE", "dev"}, {"HOME", "/home/\xe4"}};
  return spec;
}

TEST(MountSpec, PlacesLieApartUnlessOneIsOrHoldsAnother) {
  MountSpec spec;
  const auto check = [&](const std::string& source, const std::string& mountpoint) {
    spec.source = source;
    spec.mountpoint = mountpoint;
    return CheckPlaces(spec, {"/none/cache", "/none/cache2"});
  };
  EXPECT_TRUE(check("s3://none/cache", "/none/mnt"));
  EXPECT_TRUE(check("file:///none/data", "/none/data2"));
  EXPECT_TRUE(check("s3://b/", "/none/cach"));
  EXPECT_TRUE(check("file:///none/data", ""));  // nothing is mounted
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"s3://b/", "/none/cache"},
      {"s3://b/", "/none"},
      {"s3://b/", "/none/cache2/x"},
      {"s3://b/", "/"},
      {"file:///none/data/", "/none/data"},
      {"file:///none/data", "/none/data/mnt"},
      {"file:///none/mnt/data", "/none/mnt"},
      {"file:///none/cache/x", "/mnt/x"},
      {"file:///none", "/mnt/x"},
      {"file:///", "/mnt/x"},
  };
  for (const auto& [source, mountpoint] : wrong)
    EXPECT_EQ(check(source, mountpoint).error().code, Code::kInvalid) << source << mountpoint;
  const std::string told = check("s3://b/", "/none/cache2/x").error().message;
  EXPECT_NE(told.find("mountpoint /none/cache2/x lies in the cache directory /none/cache2"),
            std::string::npos)
      << told;
}

TEST(MountSpec, ComesBackFromItsTextWithEveryByteOfItsNames) {
  const MountSpec spec = Full();
  const auto parsed = json::Parse(json::Print(spec.ToJson()));
  ASSERT_TRUE(parsed);
  const auto back = MountSpec::FromJson(*parsed);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->source, spec.source);
  EXPECT_EQ(back->mountpoint, spec.mountpoint);
  EXPECT_EQ(back->store.endpoint, spec.store.endpoint);
  EXPECT_TRUE(back->store.virtual_host);
  EXPECT_TRUE(back->store.anonymous);
  EXPECT_EQ(back->store.retry_for, seconds(7));
  ASSERT_TRUE(back->ttl);
  EXPECT_EQ(*back->ttl, seconds(0));
  EXPECT_TRUE(back->version_pin);
  EXPECT_EQ(back->uid, 4294967295u);
  EXPECT_EQ(back->gid, 1000u);
  EXPECT_EQ(back->file_mode, 0440u);
  EXPECT_EQ(back->dir_mode, 0550u);
  EXPECT_TRUE(back->allow_other);
  EXPECT_FALSE(back->passthrough);
  EXPECT_EQ(back->environment, spec.environment);
}

TEST(MountSpec, WhatIsNotSaidKeepsItsDefault) {
  const auto spec = MountSpec::FromJson(json::Object({{"source", "file:///data"}}));
  ASSERT_TRUE(spec);
  EXPECT_FALSE(spec->ttl);
  EXPECT_TRUE(spec->passthrough);
  EXPECT_EQ(spec->file_mode, 0444u);
  EXPECT_EQ(spec->store.retry_for, seconds(60));
}

TEST(MountSpec, RefusesWhatMakesNoSense) {
  for (const char* text :
       {"[]", "{}", R"({"source":"s","mountpoint":"relative"})", R"({"source":"s","uid":-1})",
        R"({"source":"s","fileMode":4096})", R"({"source":"s","ttlSeconds":"60"})",
        R"({"source":"s","passthrough":1})", R"({"source":"s\u0000"})",
        R"({"source":"s","environment":[["",""]]})"}) {
    const auto value = json::Parse(text);
    ASSERT_TRUE(value) << text;
    const auto spec = MountSpec::FromJson(*value);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code, Code::kInvalid) << text;
  }
}

}  // namespace
}  // namespace leat::datanode

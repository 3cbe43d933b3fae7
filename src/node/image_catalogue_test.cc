#include "node/image_catalogue.h"

#include <gtest/gtest.h>

#include "node/testing/no_objects.h"

namespace leat::node {
namespace {

// A cluster with a catalogue, that counts the events made.
class CatalogueObjects : public NoObjects {
 public:
  Result<json::Value> Get(const api::Gvr& type, const api::ObjectName& name) override {
    if (type == api::gvr::kConfigMaps && name.name == kCatalogueName && map.IsObject()) return map;
    return NoObjects::Get(type, name);
  }
  Result<json::Value> Create(const api::Gvr& type, const json::Value& object) override {
    if (type == api::gvr::kEvents) events.push_back(object["message"].Str());
    return object;
  }
  void Write(const std::string& images) {
    map =
        json::Object({{"kind", "ConfigMap"},
                      {"metadata", json::Object({{"name", kCatalogueName},
                                                 {"namespace", "kube-system"},
                                                 {"resourceVersion", std::to_string(++version_)}})},
                      {"data", json::Object({{"images.yaml", images}})}});
  }

  json::Value map;
  std::vector<std::string> events;

 private:
  int version_ = 0;
};

class ImageCatalogueTest : public testing::Test {
 protected:
  std::string IdOf(const std::string& reference) {
    const auto image = catalogue_.Resolve(reference);
    return image ? image->id : "error: " + image.error().message;
  }
  CatalogueObjects objects_;
  RealClock clock_;
  ImageCatalogue catalogue_{objects_, clock_};
};

TEST_F(ImageCatalogueTest, TheClustersEntriesComeBeforeTheBuiltInOnes) {
  EXPECT_EQ(IdOf("leat.dev/host"), "host-root:host");
  EXPECT_NE(IdOf("my/tool:1").find("no image is mapped to \"my/tool:1\""), std::string::npos);
  objects_.Write(R"([{pattern: "my/*", entrypoint: [/bin/a]}, {pattern: leat.dev/host}])");
  EXPECT_EQ(IdOf("my/tool:1"), "host-root:my/*");
  EXPECT_EQ(IdOf("leat.dev/host"), "host-root:leat.dev/host");
}

TEST_F(ImageCatalogueTest, ABrokenOneLeavesWhatWasInForceAndIsToldOnce) {
  objects_.Write(R"([{pattern: "my/*", entrypoint: [/bin/a]}])");
  ASSERT_EQ(IdOf("my/tool:1"), "host-root:my/*");
  objects_.Write("[{pattern: \"other/*\", entrypoint: [/bin/a]");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(IdOf("my/tool:1"), "host-root:my/*");
    EXPECT_EQ(IdOf("leat.dev/host"), "host-root:host");
    EXPECT_NE(IdOf("other/tool:1").find("the catalogue is broken"), std::string::npos);
  }
  ASSERT_EQ(objects_.events.size(), 1u);
  EXPECT_NE(objects_.events[0].find("ConfigMap kube-system/leat-images, images.yaml"),
            std::string::npos)
      << objects_.events[0];
  objects_.Write(R"([{pattern: "other/*", entrypoint: [/bin/a]}])");
  EXPECT_EQ(IdOf("other/tool:1"), "host-root:other/*");
  EXPECT_EQ(objects_.events.size(), 1u);
}

TEST_F(ImageCatalogueTest, SaysWhatIsWrongInWhichEntry) {
  const std::pair<const char*, const char*> cases[] = {
      {"[{pattern: a}, {patern: b}]", "entry 2 has the unknown key \"patern\""},
      {"[{entrypoint: [a]}]", "entry 1 has no pattern"},
      {"[{pattern: a, entrypoint: /bin/x}]", "entry 1 has the key entrypoint, which is not a list"},
      {"[a]", "entry 1 is not a mapping"},
      {"pattern: a", "is not a list of entries"},
      {"[{pattern: a, env: [x]}]", "entry 1 has an env that is not a mapping"}};
  for (const auto& [images, wrong] : cases) {
    objects_.Write(images);
    EXPECT_NE(IdOf("a").find(wrong), std::string::npos) << IdOf("a");
  }
}

}  // namespace
}  // namespace leat::node

#include "hash/rsa.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "hash/testing/rsa_key.h"

namespace leat::hash {
namespace {

TEST(SignRsaSha256, MakesWhatTheOpensslToolMakes) {
  const auto signature = SignRsaSha256(kTestPrivateKey, "header.claims");
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(Base64Encode(*signature),
            "CQIf01NgIUsZ9NVo3VQK6L3UxskAWTSL02oHwzkqo2xVUMD2czBRqoD51lvNN4cmVJC9x/xd617Z"
            "9NnOBNBAyoZOVQ7jQSZeniS3sMY/Ef9Po6Q/utJlCPOP9/mCyKn58ZZo3Zhbi56d+yhQCNX4j0dv"
            "tNYwWG1iuwm2IJgDwHuGIybVYDiS8JDxCdn3MYUCuxrJzY5m02Fq0jqu+k60YWaLgmFHOl1yRcnM"
            "Ivxb66BY5htUb64CPCOdobAt7SnRzKo0AOKQTXrautnJWFoFbOi8TssALku9ZmQ8BXV8S2vg5zMK"
            "SWh/rXyEU69h4/6ft/tsPIKL3YbKfG2fwRgB4Q==");
}

TEST(SignRsaSha256, VerifiesForTheseBytesAndNoOthers) {
  const auto signature = SignRsaSha256(kTestPrivateKey, "bytes");
  ASSERT_TRUE(signature);
  EXPECT_TRUE(*VerifyRsaSha256(kTestPublicKey, "bytes", *signature));
  EXPECT_FALSE(*VerifyRsaSha256(kTestPublicKey, "other", *signature));
}

TEST(SignRsaSha256, WhatIsNoKeyIsInvalid) {
  EXPECT_EQ(SignRsaSha256("", "x").error().code, Code::kInvalid);
  EXPECT_EQ(SignRsaSha256("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "x")
                .error()
                .code,
            Code::kInvalid);
  EXPECT_EQ(SignRsaSha256(kTestPublicKey, "x").error().code, Code::kInvalid);
  EXPECT_EQ(VerifyRsaSha256("", "x", "y").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace leat::hash

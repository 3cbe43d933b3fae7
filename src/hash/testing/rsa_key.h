// A key pair that nothing but tests uses.
#pragma once

#include <string_view>

namespace leat::hash {

inline constexpr std::string_view kTestPrivateKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCu7WbbHP9oq2o6\n"
    "JwJu8kSH11Vz9/3W0w8YEiCWnsV+ILPaBnvyk62cdO6ILKN/cfQJuwEsR/ebu3+K\n"
    "BkTc2qb1mk1d9s1cRcWQcKr1FQbQpSgdfnnqiVBF3RiD5LqwBE6sFKQnA1O+Sczw\n"
    "7+B61YgBmABNYw4Zn9zadIKlG9xIvBM6Tsb38fGXYEd3eVdJpmx9pSTjtpPMEot0\n"
    "QFVHgKLW2PPn9Jc95wi8u35BiI+7Vv0zuGCIDJCta1ZT8tQr44bfWz+Uo9K+d3fp\n"
    "VYb7+WDi6R0aDON3LaUHk1EZuKNG6gofXswJMq1YwHLtX9B/asT1FBKS11V9dSAs\n"
    "OkqF9K3HAgMBAAECggEAS18DKHoQGrtxI+lXBRLiMF259iPufbenE0oMPJngon3Y\n"
    "wKJ2mYjED1vaw1XohKtG6UJoOPoxWCqrw378AOU9dymrGEeVKKLvg1Lodn0+2Hux\n"
    "EzRBt6q+qbugKoRNZDYW59JlAGJQnPcTlOTmpkaHOZiS2MVLeAMHmCEHgbjFa5jW\n"
    "Cib86w2TjOPVNpX+YzbVao8FhqBS2oBxOYXgq2xGLQS1qyIpTlfhacrP5KSWk8C8\n"
    "TB9eHd6Yi/pVFVqZc1JYYjvGCJhPzRO6iu+wM8MsT3b0eTteHDJROISqqdslyJ/M\n"
    "VFFQ7X1jAqFox0yH7YSTO1WXRCsVxJ8Utj/4BjrywQKBgQDxPvpz2ps39wNSa93K\n"
    "h6S3NqxKGH66iEg8mhIDT1s5Y4vjwRIgsu3cm1ObPtFsP34pHAHcPitng52pRh4p\n"
    "T1ltMAJEds5EouLtvrLSHRkgIpvSv3yQFUzVqa5af1E1LpKlu2VSadRI24H6qx/Z\n"
    "JY0LD1o4iTZgMeL4Tx60eunRtwKBgQC5oB4/HXYRtJqDVptqAbposePgKfmpewaG\n"
    "iOMSg9wSwGN3r0pH1NAEEAigTzVOKZcVNqqoEbOOWbxCkewasqhGI2y0p2CaTDaj\n"
    "voPIJkQHy0c3iA6w1ib3aXH66emsLgMuLQ6flTGs7L/hXHlzTFXb/E98f7d1x0HI\n"
    "zkm/JUnEcQKBgEbB6AeO+LPDeW/1P0ol2sP5/zKEWLcxPa64qcvavLDqZ59Xg4+f\n"
    "q3BnBnCkThxnywMXudv1SBnGWrnJXRNUuK/zwtZ92iX7eH+uzRgffL0WKYn4q/o+\n"
    "pRiN+huE+DaXAGAnxKIVdDQiXc893ct83g9+Y0HtzMsOFropyqG441elAoGBAJyN\n"
    "z5S5mz+5i2tj2vWf+YCdL6x6mmb3LHzA7IpMDYr/GaTygPpuIPacMzpJM5L1fsfU\n"
    "cEAJld9kDWQzv+aQcV2eOOtwEwhvaNHXNzvSEiRkrG7IYGOCaiDWnNva9kpSEDqc\n"
    "o62x3dCTaA2AuamlYvCDLuK4sJkz8WaTnR0KLNnxAoGBAJnRdXQlyyLLjKOSra/s\n"
    "1wFQDPNc1dE4oefathu6n8WXjzc+1MomRAe81cz2bey9EVZ1M70W1G/cgLBxAc8j\n"
    "B1KfSAPQ0G1NpYySxHSPg3kxsImD3Zi5LO50VfUZ5GBu41NcJuPSlWthJ6zaqRUo\n"
    "xDNbGB/aVxVcDZsoY9E9dZUP\n"
    "-----END PRIVATE KEY-----\n";
inline constexpr std::string_view kTestPublicKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAru1m2xz/aKtqOicCbvJE\n"
    "h9dVc/f91tMPGBIglp7FfiCz2gZ78pOtnHTuiCyjf3H0CbsBLEf3m7t/igZE3Nqm\n"
    "9ZpNXfbNXEXFkHCq9RUG0KUoHX556olQRd0Yg+S6sAROrBSkJwNTvknM8O/getWI\n"
    "AZgATWMOGZ/c2nSCpRvcSLwTOk7G9/Hxl2BHd3lXSaZsfaUk47aTzBKLdEBVR4Ci\n"
    "1tjz5/SXPecIvLt+QYiPu1b9M7hgiAyQrWtWU/LUK+OG31s/lKPSvnd36VWG+/lg\n"
    "4ukdGgzjdy2lB5NRGbijRuoKH17MCTKtWMBy7V/Qf2rE9RQSktdVfXUgLDpKhfSt\n"
    "xwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace leat::hash

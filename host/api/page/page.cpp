// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/page/page.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <array>
#include <string>

#include "host/api/page/page_files.h"
#include "host/base/error.h"

namespace nicsentry {
namespace {

constexpr std::string_view kStart = "index.html";
// Nothing of another origin, nothing inline, no frame around it, and no text that becomes markup (Trusted Types).
constexpr const char* kPolicy =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

std::string page_media_type(std::string_view name) {
  if (name.ends_with(".html")) {
    return "text/html; charset=utf-8";
  }
  if (name.ends_with(".css")) {
    return "text/css; charset=utf-8";
  }
  return name.ends_with(".svg") ? "image/svg+xml" : "text/javascript; charset=utf-8";
}

std::string content_tag(std::string_view content) {
  constexpr std::size_t kTagLength = 16;
  constexpr std::string_view kTagDigits = "0123456789abcdef";
  std::array<unsigned char, 32> hash{};
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, content.data(), content.size(), hash.data()) < 0) {
    throw Error("computing an entity tag of the page: SHA-256 failed");
  }
  std::string tag = "\"";
  for (std::size_t i = 0; i < kTagLength; ++i) {
    tag += {kTagDigits[hash.at(i) >> 4U], kTagDigits[hash.at(i) & 0xFU]};
  }
  return tag + "\"";
}

Response page_answer(const PageFile& file, const std::string& tag, const Request& request) {
  constexpr unsigned kNotModified = 304;
  Response response;
  response.content_type = page_media_type(file.name);
  response.headers = {{"Cache-Control", "no-cache"},  // kept, and asked about each time
                      {"ETag", tag},
                      {"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (request.if_none_match.find(tag) != std::string::npos) {
    response.status = kNotModified;
  } else {
    response.body = file.content;
  }
  return response;
}

}  // namespace

void add_page_routes(Router& router) {
  for (const PageFile& file : page_files()) {
    const std::string path = file.name == kStart ? "/" : "/assets/" + std::string(file.name);
    router.add_raw(
        "GET", path, Lane::quick,
        [file, tag = content_tag(file.content)](const Request& request) { return page_answer(file, tag, request); },
        Access::anyone);
  }
}

}  // namespace nicsentry

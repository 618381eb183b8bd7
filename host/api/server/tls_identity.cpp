// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/tls_identity.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <deque>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/base/text_reading.h"

namespace nicsentry {
namespace {

constexpr unsigned kChainMost = 16;
// A handshake may have taken one of these a moment ago.
constexpr std::size_t kKept = 8;

Error tls_error(const std::filesystem::path& file, int code) {
  return Error(file.string() + ": " + gnutls_strerror(code));
}

std::string content_of(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    throw SystemError(errno, "reading " + path.string());
  }
  return read_text(file, path.string());
}

gnutls_datum_t datum_of(std::string& text) {
  return {reinterpret_cast<unsigned char*>(text.data()), static_cast<unsigned>(text.size())};
}

void require_private(const std::filesystem::path& key) {
  struct stat status {};
  if (stat(key.c_str(), &status) != 0) {
    throw SystemError(errno, "reading " + key.string());
  }
  if ((status.st_mode & S_IRWXO) != 0) {
    throw Error(key.string() + ": everybody may read or write this key; chmod 600 " + key.string());
  }
}

struct Pair {
  Pair() = default;
  ~Pair() {
    for (gnutls_pcert_st& one : chain) {
      gnutls_pcert_deinit(&one);
    }
    if (key != nullptr) {
      gnutls_privkey_deinit(key);
    }
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void read_certificate(const std::filesystem::path& file) {
    std::string text = content_of(file);
    const gnutls_datum_t data = datum_of(text);
    std::array<gnutls_pcert_st, kChainMost> read{};
    unsigned count = kChainMost;
    const int code = gnutls_pcert_list_import_x509_raw(read.data(), &count, &data, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0) {
      throw tls_error(file, code);
    }
    chain.assign(read.begin(), read.begin() + count);
  }

  void read_key(const std::filesystem::path& file) {
    require_private(file);
    std::string text = content_of(file);
    const gnutls_datum_t data = datum_of(text);
    int code = gnutls_privkey_init(&key);
    if (code >= 0) {
      code = gnutls_privkey_import_x509_raw(key, &data, GNUTLS_X509_FMT_PEM, nullptr, 0);
    }
    gnutls_memset(text.data(), 0, text.size());
    if (code < 0) {
      throw tls_error(file, code);
    }
  }

  bool fits() const {
    gnutls_pubkey_t wanted = nullptr;
    std::array<unsigned char, 64> of_key{};
    std::array<unsigned char, 64> of_certificate{};
    std::size_t key_bytes = of_key.size();
    std::size_t certificate_bytes = of_certificate.size();
    const bool read = gnutls_pubkey_init(&wanted) >= 0 && gnutls_pubkey_import_privkey(wanted, key, 0, 0) >= 0 &&
                      gnutls_pubkey_get_key_id(wanted, GNUTLS_KEYID_USE_SHA256, of_key.data(), &key_bytes) >= 0 &&
                      gnutls_pubkey_get_key_id(chain.front().pubkey, GNUTLS_KEYID_USE_SHA256, of_certificate.data(),
                                               &certificate_bytes) >= 0;
    if (wanted != nullptr) {
      gnutls_pubkey_deinit(wanted);
    }
    return read && key_bytes == certificate_bytes && of_key == of_certificate;
  }

  std::vector<gnutls_pcert_st> chain;
  gnutls_privkey_t key = nullptr;
};

std::mutex identity_mutex;
std::deque<std::unique_ptr<Pair>> identities;  // the last one is in use

int retrieve(gnutls_session_t /*session*/, const struct gnutls_cert_retr_st* /*info*/, gnutls_pcert_st** chain,
             unsigned int* chain_size, gnutls_ocsp_data_st** ocsp, unsigned int* ocsp_size, gnutls_privkey_t* key,
             unsigned int* flags) {
  const std::lock_guard lock(identity_mutex);
  if (identities.empty()) {
    return -1;
  }
  Pair& pair = *identities.back();
  *chain = pair.chain.data();
  *chain_size = static_cast<unsigned>(pair.chain.size());
  *key = pair.key;
  *ocsp = nullptr;
  *ocsp_size = 0;
  *flags = 0;  // ours to free
  return 0;
}

}  // namespace

void tls_identity::use(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  auto pair = std::make_unique<Pair>();
  pair->read_certificate(certificate);
  pair->read_key(key);
  if (!pair->fits()) {
    throw Error(key.string() + ": it is not the key of " + certificate.string());
  }
  const std::lock_guard lock(identity_mutex);
  identities.push_back(std::move(pair));
  if (identities.size() > kKept) {
    identities.pop_front();
  }
}

void* tls_identity::callback() { return reinterpret_cast<void*>(&retrieve); }

}  // namespace nicsentry

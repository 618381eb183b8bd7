// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>

struct MHD_Daemon;

namespace nicsentry {

// The certificate and key with which this process's TLS listeners answer. Another pair takes their place for the
// handshakes that begin later. libmicrohttpd gives its callback no context of ours: there is one for the process.
namespace tls_identity {

// Reads both files (PEM; the certificate with those that sign it behind it). Throws Error: one cannot be read, others
// than its owner and group can read the key, or it is not the certificate's. The pair before stays then.
void use(const std::filesystem::path& certificate, const std::filesystem::path& key);

// gnutls_certificate_retrieve_function3 of MHD_OPTION_HTTPS_CERT_CALLBACK2.
void* callback();

}  // namespace tls_identity

// TLS 1.2 and later.
constexpr const char* kTlsPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

}  // namespace nicsentry

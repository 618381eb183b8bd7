// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/program_choice.h"

namespace nicsentry {

std::string_view program_for(Profile profile) {
  switch (profile) {
    case Profile::ddos:
      return kDdos;
    case Profile::crypto:
      return kCrypto;
    case Profile::all:
      break;
  }
  return kSentry;
}

Profile profile_of(const ProgramSpec& program) {
  if (program.features.packets && program.features.metrics) {
    return Profile::all;
  }
  return program.features.packets ? Profile::ddos : Profile::crypto;
}

}  // namespace nicsentry

// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/mode.h"

#include <string>

#include "host/base/error.h"

namespace nicsentry {

const char* mode_name(Mode mode) {
  switch (mode) {
    case Mode::hw:
      return "hw";
    case Mode::drv:
      return "drv";
    case Mode::skb:
      return "skb";
    case Mode::tc:
      return "tc";
  }
  return "";
}

const char* hook_name(Hook hook) {
  switch (hook) {
    case Hook::xdp:
      return "xdp";
    case Hook::tc_ingress:
      return "tc-ingress";
    case Hook::tc_egress:
      return "tc-egress";
  }
  return "";
}

Mode parse_mode(std::string_view text) {
  for (Mode mode : {Mode::hw, Mode::drv, Mode::skb, Mode::tc}) {
    if (text == mode_name(mode)) {
      return mode;
    }
  }
  throw Error("mode '" + std::string(text) + "': expected auto, hw, drv, skb or tc");
}

}  // namespace nicsentry

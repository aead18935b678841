#include "conf/manual.h"

#include <fmt/core.h>

#include <algorithm>

#include "conf/builder.h"

namespace xd::conf {

namespace {

bool has_rows(Block block) {
  return std::any_of(keywords().begin(), keywords().end(), [&](const Keyword& k) { return k.block == block; });
}

std::string title(Block block) {
  const std::string_view path = info(block).path;
  return path.empty() ? "top level" : std::string(path);
}

// A table cell: a bar would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) { return text.empty() ? std::string() : '`' + cell(text) + '`'; }

std::string release_of(const Keyword& k) {
  if (k.since.empty()) return {};
  return k.since.starts_with("build:") ? fmt::format("keepalived built with {}", k.since.substr(6)) : fmt::format("keepalived {}", k.since);
}

void text_of_block(std::string& out, Block block) {
  out += fmt::format("{}\n", title(block));
  for (const Keyword* k : keywords(block)) {
    std::string usage = std::string(k->name);
    if (!k->form.empty()) usage += ' ' + std::string(k->form);
    if (k->argument.opens != Block::none || k->argument.kind == Arg::values || k->argument.kind == Arg::named_values) usage += " { ... }";
    out += fmt::format("    {}\n        {}", usage, k->help);
    if (!k->fallback.empty()) out += fmt::format(". Default: {}", k->fallback);
    if (!k->since.empty()) out += fmt::format(". Since {}", release_of(*k));
    if (!is_obeyed(*k)) out += fmt::format(". {}", standing(*k));
    out += '\n';
  }
}

}  // namespace

std::string standing(const Keyword& keyword) { return is_obeyed(keyword) ? "obeyed" : "accepted, not in effect yet"; }

std::string manual_text(Block block) {
  std::string out;
  if (block != Block::none) {
    text_of_block(out, block);
    return out;
  }
  for (std::size_t i = 1; i < static_cast<std::size_t>(Block::count); ++i) {
    const auto one = static_cast<Block>(i);
    if (!has_rows(one)) continue;
    if (!out.empty()) out += '\n';
    text_of_block(out, one);
  }
  return out;
}

std::string manual_markdown() {
  std::string out =
      "# Configuration\n\n"
      "Every keyword of `keepalived.conf`, from the table that the compiler reads (`conf/keywords.cpp`). This page is made by\n"
      "`xdirector conf keywords --markdown`; the tests compare it with the table. Where xdirectord judges a file differently\n"
      "from keepalived is in [keepalived-differences.md](keepalived-differences.md).\n\n"
      "A keyword without a mark in the column *in effect* is known, its argument is checked, and `xdirectord` says once that\n"
      "it does nothing yet. `xdirector check FILE` shows what is wrong with a file on this machine (`--elsewhere`: on\n"
      "another, whose interfaces, users and scripts nobody knows), `xdirector conf print FILE` what it means,\n"
      "`xdirector plan FILE` what a reload to it would change.\n";
  for (std::size_t i = 1; i < static_cast<std::size_t>(Block::count); ++i) {
    const auto block = static_cast<Block>(i);
    if (!has_rows(block)) continue;
    out += fmt::format("\n## {}\n\n", title(block));
    std::string shared;
    for (const Block other : info(block).shares) {
      if (other != Block::none) shared += fmt::format("{}{}", shared.empty() ? "" : ", ", title(other));
    }
    if (!shared.empty()) out += fmt::format("Also takes the keywords of {}.\n\n", shared);
    out += "| keyword | argument | default | in effect | meaning |\n| --- | --- | --- | --- | --- |\n";
    for (const Keyword& k : keywords()) {
      if (k.block != block) continue;
      std::string meaning = cell(k.help);
      if (!k.since.empty()) meaning += fmt::format(" ({})", release_of(k));
      out += fmt::format("| {} | {} | {} | {} | {} |\n", code(k.name), code(k.form), cell(k.fallback), is_obeyed(k) ? "yes" : "", meaning);
    }
  }
  return out;
}

namespace {

// Text as man's language has it: a backslash, and a dot or quote that begins a line, would be orders.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      if (out.empty() && (c == '.' || c == '\'')) out += "\\&";
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string manual_man() {
  std::string out =
      ".TH XDIRECTOR.CONF 5 \"\" \"xdirector\" \"xdirector\"\n"
      ".SH NAME\nxdirector.conf, keepalived.conf \\- the configuration of xdirectord\n"
      ".SH DESCRIPTION\n"
      "xdirectord reads keepalived.conf, with the meaning that keepalived gives it, and beside it /etc/xdirector/xdirector.conf for the\n"
      "block\n.B xdirector\nthat keepalived does not know. Statements are a keyword with its arguments on one line, and a block in braces\n"
      "where the keyword takes one.\n"
      ".PP\n.B xdirector check\nshows what is wrong with a file,\n.B xdirector conf print\nwhat it means,\n.B xdirector plan\n"
      "what a reload to it would change.\n"
      ".SH TEXT\n"
      ".TP\n.B ! #\nbegin a comment, outside double quotes.\n"
      ".TP\n.B \\(dq...\\(dq\nis one word.\n"
      ".TP\n.B $NAME=text\ndefines a name; lines that end with a backslash go on. $NAME before a blank and ${NAME} anywhere are replaced.\n"
      ".TP\n.B ${_PWD} ${_INSTANCE} ${_HASH} ${_BANG} ${_RANDOM [MIN [MAX]]} ${_ENV NAME}\nare predefined.\n"
      ".TP\n.B ~SEQ(NAME, [FIRST, [STEP,]] LAST) text\nrepeats the text for each number; ~SEQx writes hexadecimal numbers.\n"
      ".TP\n.B ~LST(NAME, VALUE, ...) text\nrepeats the text for each value; ~LST({A, B}, {1, 2}, ...) for each tuple.\n"
      ".TP\n.B @ID line, @^ID line\ncounts where the configuration id (option \\-i) is, is not, ID.\n"
      ".TP\n.B include PATTERN\nreads the files that match; relative to the file it stands in. includer, includem, includew, includeb and\n"
      "includea, and the keyword include_check, make failures errors: unreadable files, missing names, wildcards without a match,\n"
      "missing alternatives in braces, all of them.\n"
      ".SH KEYWORDS\nA keyword with the mark\n.I not in effect yet\nis known and checked but does nothing in this version.\n";
  for (std::size_t i = 1; i < static_cast<std::size_t>(Block::count); ++i) {
    const auto block = static_cast<Block>(i);
    if (!has_rows(block)) continue;
    out += fmt::format(".SS {}\n", roff(title(block)));
    for (const Keyword& k : keywords()) {
      if (k.block != block) continue;
      out += fmt::format(".TP\n\\fB{}\\fR {}\n{}", roff(k.name), roff(k.form), roff(k.help));
      if (!k.fallback.empty()) out += fmt::format(". Default: {}", roff(k.fallback));
      if (!k.since.empty()) out += fmt::format(" ({})", roff(release_of(k)));
      if (!is_obeyed(k)) out += ". \\fINot in effect yet.\\fR";
      out += '\n';
    }
  }
  out += ".SH SEE ALSO\n.BR xdirectord (8),\n.BR xdirector (1)\n";
  return out;
}

}  // namespace xd::conf

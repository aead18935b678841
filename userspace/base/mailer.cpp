#include "base/mailer.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "base/log.h"

namespace xd {

namespace {

// Mails that nobody takes must not fill the memory.
constexpr std::size_t most_queued = 1000;
constexpr std::size_t longest_line = 76;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

std::string sender_of(const MailSettings& settings) {
  if (!settings.from.empty()) return settings.from;
  const passwd* user = ::getpwuid(::geteuid());
  return fmt::format("{}@{}", user == nullptr ? "keepalived" : user->pw_name, host_name());
}

std::string date_now() {
  const time_t now = ::time(nullptr);
  tm parts{};
  ::gmtime_r(&now, &parts);
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// Empty: delivered.
std::string deliver_one(const MailSettings& settings, const std::string& text) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), &curl_easy_cleanup);
  if (!easy) return "libcurl does not start";
  const std::string helo = settings.helo_name.empty() ? host_name() : settings.helo_name;
  const bool is_v6 = settings.server.find(':') != std::string::npos;
  const std::string url = fmt::format("smtp://{}{}{}:{}/{}", is_v6 ? "[" : "", settings.server, is_v6 ? "]" : "", settings.port, helo);
  const std::string from = fmt::format("<{}>", address_in(sender_of(settings)));
  curl_slist* list = nullptr;
  for (const auto& to : settings.to) list = curl_slist_append(list, fmt::format("<{}>", address_in(to)).c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> recipients(list, &curl_slist_free_all);
  std::string_view rest = text;
  const long limit = static_cast<long>(settings.connect_timeout / std::chrono::milliseconds(1));
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, limit);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, 2 * limit);
  curl_easy_setopt(easy.get(), CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, why.data());
  curl_easy_setopt(easy.get(), CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_READDATA, &rest);
  curl_easy_setopt(
      easy.get(), CURLOPT_READFUNCTION, +[](char* out, std::size_t size, std::size_t count, void* from_) -> std::size_t {
        auto& left = *static_cast<std::string_view*>(from_);
        const std::size_t part = std::min(size * count, left.size());
        std::memcpy(out, left.data(), part);
        left.remove_prefix(part);
        return part;
      });
  const CURLcode code = curl_easy_perform(easy.get());
  if (code == CURLE_OK) return {};
  return why[0] != '\0' ? why.data() : curl_easy_strerror(code);
}

}  // namespace

std::string address_in(std::string_view written) {
  const auto open = written.rfind('<');
  if (open == std::string_view::npos) return std::string(written);
  const auto inside = written.substr(open + 1);
  return std::string(inside.substr(0, inside.find('>')));
}

std::string mail_text(const MailSettings& settings, std::string_view date, std::string_view subject, std::string_view body) {
  std::string to;
  std::size_t line = 4;
  for (const auto& address : settings.to) {
    if (!to.empty()) {
      const bool fits = line + address.size() + 2 <= longest_line;
      to += fits ? ", " : ",\r\n ";
      line = fits ? line + 2 : 1;
    }
    to += address;
    line += address.size();
  }
  return fmt::format("Date: {}\r\nFrom: {}\r\nSubject: [{}] {}\r\nX-Mailer: Keepalived\r\nTo: {}\r\n\r\n=> {} <=\r\n\r\n", date,
                     sender_of(settings), settings.router_id, subject, to, body);
}

Mailer::~Mailer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Mailer::configure(MailSettings settings) { settings_ = std::move(settings); }

void Mailer::send(std::string_view subject, std::string_view body) {
  if (settings_.server.empty() || settings_.to.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= most_queued) return;  // said when the first of them fails
    queue_.push_back({settings_, std::string(subject), mail_text(settings_, date_now(), subject, body)});
  }
  changed_.notify_one();
  if (!thread_.joinable()) thread_ = std::thread([this] { deliver(); });
}

void Mailer::deliver() {
  // Whatever the elections run at, mails are in no hurry.
  const sched_param normal{};
  (void)::sched_setscheduler(0, SCHED_OTHER, &normal);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Mail mail = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const std::string problem = deliver_one(mail.settings, mail.text);
    if (!problem.empty())
      log::warning("Mail \"{}\" was not delivered by {}:{}: {}", mail.subject, mail.settings.server, mail.settings.port, problem);
    lock.lock();
    if (stopping_ && !problem.empty()) return;
  }
}

}  // namespace xd

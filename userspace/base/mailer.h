// Mails about what happens, in keepalived's form, sent by SMTP (libcurl) from a thread of its own: a mail server that does not answer
// delays nobody. One attempt per mail, in order; what cannot be delivered is logged.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/mail_settings.h"

namespace xd {

// "Date: ..." to the body's last line, lines ended by CR LF. `date` in RFC 5322's form.
std::string mail_text(const MailSettings& settings, std::string_view date, std::string_view subject, std::string_view body);
// "Bee <b@example.org>" → "b@example.org"
std::string address_in(std::string_view written);

class Mailer {
 public:
  Mailer() = default;
  // What is queued is delivered first; the first that fails ends that.
  ~Mailer();
  Mailer(const Mailer&) = delete;
  Mailer& operator=(const Mailer&) = delete;

  // For mails from now on.
  void configure(MailSettings settings);
  // Subject without the router's id; one sentence. Without recipients or a server: nothing.
  void send(std::string_view subject, std::string_view body);

 private:
  struct Mail {
    MailSettings settings;
    std::string subject, text;
  };
  void deliver();  // the thread

  MailSettings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Mail> queue_;
  bool stopping_ = false;
  std::thread thread_;  // from the first mail on
};

}  // namespace xd

#include "blindsight/vision/download.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "support.h"

namespace blindsight::vision {
namespace {

/// Answers one request on the loopback with fixed bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 1) != 0) {
      throw IoError("no socket");
    }
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int peer = ::accept(socket_, nullptr, nullptr);
      if (peer < 0) return;
      char request[4096];
      if (::recv(peer, request, sizeof request, 0) > 0) ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::shutdown(peer, SHUT_WR);
      while (::recv(peer, request, sizeof request, 0) > 0) {
      }
      ::close(peer);
    });
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/file"; }

 private:
  int socket_;
  int port_ = 0;
  std::thread thread_;
};

class Download : public testing::Test {
 protected:
  void SetUp() override { setenv("no_proxy", "127.0.0.1", 1); }
};

TEST_F(Download, GivesTheBody) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  std::uint64_t last = 0;
  const Bytes body = download(server.url(), 5, [&](std::uint64_t done, std::uint64_t) { last = done; });
  EXPECT_EQ(body, (Bytes{'h', 'e', 'l', 'l', 'o'}));
  EXPECT_EQ(last, 5u);
}

TEST_F(Download, RefusesMoreThanTheLimit) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  const auto message = message_of<IoError>([&] { download(server.url(), 4); });
  EXPECT_NE(message.find("more than 4 bytes"), std::string::npos) << message;
}

TEST_F(Download, ErrorsNameTheAddress) {
  const OneAnswer server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  const auto message = message_of<IoError>([&] { download(server.url(), 100); });
  EXPECT_NE(message.find(server.url()), std::string::npos) << message;
  EXPECT_NE(message.find("404"), std::string::npos) << message;
}

TEST_F(Download, ACutTransferIsAnError) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  EXPECT_THROW(download(server.url(), 100), IoError);
}

TEST_F(Download, OnlyTheWeb) {
  EXPECT_THROW(download("file:///etc/hostname", 100), IoError);
  EXPECT_THROW(download("http://127.0.0.1:1/", 100), IoError);
}

TEST_F(Download, ACallbackMayStopIt) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THROW(download(server.url(), 5, [](std::uint64_t, std::uint64_t) { throw InvalidArgument("stop"); }),
               InvalidArgument);
}

}  // namespace
}  // namespace blindsight::vision

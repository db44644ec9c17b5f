#include "blindsight/vision/download.h"

#include <curl/curl.h>

#include <exception>
#include <memory>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

struct Transfer {
  std::uint64_t max_size;
  const DownloadProgress& progress;
  Bytes body;
  bool too_large = false;
  std::exception_ptr thrown;  // nothing may be thrown through C code
};

std::size_t on_data(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (size > transfer.max_size - transfer.body.size()) {
    transfer.too_large = true;
    return 0;
  }
  try {
    transfer.body.insert(transfer.body.end(), data, data + size);
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 0;
  }
  return size;
}

int on_progress(void* user, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    if (transfer.progress) transfer.progress(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(total));
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 1;
  }
  return 0;
}

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;

Handle make_handle() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, and thread-safe
  Handle handle(ready == CURLE_OK ? curl_easy_init() : nullptr, curl_easy_cleanup);
  if (!handle) throw Error("libcurl can't be set up");
  return handle;
}

}  // namespace

Bytes download(const std::string& url, std::uint64_t max_size, const DownloadProgress& progress) {
  const Handle handle = make_handle();
  CURL* curl = handle.get();
  Transfer transfer{max_size, progress, {}, false, nullptr};
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "blindsight");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode status = curl_easy_perform(curl);
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (transfer.too_large) throw IoError(url + " sent more than " + std::to_string(max_size) + " bytes");
  if (status != CURLE_OK) {
    throw IoError(url + " can't be fetched: " + (*reason != '\0' ? reason : curl_easy_strerror(status)));
  }
  return std::move(transfer.body);
}

}  // namespace blindsight::vision

#include <blindsight/base/bytes.h>

#include <cstdio>

int main() {
  blindsight::ByteWriter writer;
  writer.text("from an installed Blindsight");
  blindsight::ByteReader reader(writer.bytes(), "consumer");
  std::puts(reader.text().c_str());
}

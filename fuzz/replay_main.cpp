// The main function of a fuzz target without a fuzzer: replays files.
//
//   <target> <folder or file>...     a folder without files, or a file that is missing, is an error
//
// The last line printed names the input with which the target fails.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

bool replay(const fs::path& path) {
  std::printf("%s\n", path.c_str());
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

int replay_all(const fs::path& path) {
  if (!fs::is_directory(path)) return replay(path) ? 1 : 0;
  int count = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (!replay(entry.path())) return 0;
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int total = 0;
  for (int i = 1; i < argc; ++i) {
    const int count = replay_all(argv[i]);
    if (count == 0) {
      std::printf("nothing to replay: %s\n", argv[i]);
      return 1;
    }
    total += count;
  }
  std::printf("%d inputs replayed\n", total);
  return total == 0;
}

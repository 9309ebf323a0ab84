// Names and words of the driver's errors, and calls that are told to fail:
// PAIRLOOM_TESTDRIVER_FAIL=cuMemAllocAsync=2 or cuMemAllocAsync=2@3, from the third call on, or
// cuMemAllocAsync=2@3-4, the third and fourth.
#include "api.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

using namespace host;

namespace host {

int fail(const char *function) {
	static std::map<std::string, int> calls;
	static std::string told;
	const char *s = getenv("PAIRLOOM_TESTDRIVER_FAIL");
	if (!s) s = "";
	if (told != s) {
		told = s;
		calls.clear();
	}
	size_t n = strlen(function);
	if (strncmp(s, function, n) || s[n] != '=') return 0;
	char *end;
	int code = (int)strtol(s + n + 1, &end, 10);
	int from = 1, to = 0;
	if (*end == '@') from = (int)strtol(end + 1, &end, 10);
	if (*end == '-') to = atoi(end + 1);
	int call = ++calls[function];
	if (call < from || (to && call > to)) return 0;
	return refuse(code, "%s is told to answer %d", function, code);
}

static const struct {
	int code;
	const char *name, *words;
} errors[] = {
	{0, "CUDA_SUCCESS", "no error"},
	{1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
	{100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
	{101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	{200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
	{201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	{218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
	{222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
	{400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
	{500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	{600, "CUDA_ERROR_NOT_READY", "device not ready"},
	{700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
	{716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
	{719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
	{801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
	{803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
};

} // namespace host

API int cuGetErrorName(int code, const char **name) {
	for (auto &e : errors)
		if (e.code == code) {
			*name = e.name;
			return 0;
		}
	*name = nullptr;
	return error_invalid_value;
}

// With the words of the fault, or of the call that was refused last.
API int cuGetErrorString(int code, const char **words) {
	static char text[2304];
	for (auto &e : errors)
		if (e.code == code) {
			*words = e.words;
			if (code && fault_text[0]) {
				snprintf(text, sizeof text, "%s (%s)", e.words, fault_text);
				*words = text;
			}
			return 0;
		}
	*words = nullptr;
	return error_invalid_value;
}

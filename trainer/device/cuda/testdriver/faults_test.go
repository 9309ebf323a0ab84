//go:build cuda

package testdriver

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Each case of testdata/faults.cc and what the driver says of it: every part, in order.
var faults = []struct {
	name, says string
	order      string // of threads and streams
}{
	{name: "read past the end", says: "ILLEGAL_ADDRESS|read_global (faults.cu:5), block 0,0,0, thread 0,0,0: reads 4 bytes out of bounds|byte 256 of an allocation of 256 bytes"},
	{name: "read before the start", says: "ILLEGAL_ADDRESS|read_global|reads 4 bytes out of bounds"},
	{name: "write past the end", says: "ILLEGAL_ADDRESS|write_global (faults.cu:8), block 0,0,0, thread 5,0,0: writes 4 bytes out of bounds|byte 250 of an allocation of 250 bytes"},
	{name: "write past a shared array", says: "ILLEGAL_ADDRESS|write_shared|byte 132 of cells of 132 bytes"},
	{name: "write past dynamic shared memory", says: "ILLEGAL_ADDRESS|write_dynamic|byte 256 of the dynamic shared memory of 256 bytes"},
	{name: "read after free", says: "ILLEGAL_ADDRESS|read_global|byte 0 of an allocation of 256 bytes that was freed"},
	{name: "free in the queue before a read", says: "ILLEGAL_ADDRESS|that was freed"},
	{name: "read of what was never written", says: "LAUNCH_FAILED|read_global|never written|byte 12 of an allocation of 256 bytes"},
	{name: "read of shared memory that was never written", says: "LAUNCH_FAILED|unwritten_shared|thread 9,0,0: reads what was never written: byte 36 of cells"},
	{name: "misaligned", says: "MISALIGNED_ADDRESS|read_run|reads 16 bytes|byte 4 of"},
	{name: "host memory in a kernel", says: "INVALID_VALUE|read_global: parameter 2 is an address"},
	{name: "another thread's stack", says: "ILLEGAL_ADDRESS|others_stack|another thread's stack"},
	{name: "no barrier", says: "LAUNCH_FAILED|no_barrier|race within a block"},
	{name: "one barrier of two", says: "LAUNCH_FAILED|one_barrier_of_two|race within a block"},
	{name: "no warp barrier", says: "LAUNCH_FAILED|no_warp_barrier|race within a block"},
	{name: "a shuffle for a barrier", says: "LAUNCH_FAILED|shuffle_is_no_barrier|race within a block"},
	{name: "a warp barrier for the block's", says: "LAUNCH_FAILED|warp_barrier_of_the_other_warp|race within a block"},
	{name: "two threads write one place", says: "LAUNCH_FAILED|same_place|thread 1,0,0: race within a block: writes|byte 0 of|which thread 0 wrote"},
	{name: "written while others read", says: "LAUNCH_FAILED|read_then_written|race within a block"},
	{name: "two blocks write one place", says: "LAUNCH_FAILED|blocks_write_one_place|block 1,0,0|race between blocks: writes"},
	{name: "blocks read what others write", says: "LAUNCH_FAILED|blocks_read_what_others_write|block 1,0,0|race between blocks: reads"},
	{name: "blocks read what others write", says: "LAUNCH_FAILED|block 2,0,0|race between blocks: writes", order: "backwards"},
	{name: "blocks write what others read", says: "LAUNCH_FAILED|blocks_write_what_others_read|block 3,0,0|race between blocks: writes"},
	{name: "blocks write what others read", says: "LAUNCH_FAILED|block 3,0,0|race between blocks: writes", order: "backwards"},
	{name: "a thread returns before a barrier", says: "LAUNCH_FAILED|returns_before_barrier|not all threads reach: 63 of 64 are there, thread 40 has ended"},
	{name: "a lane returns before a shuffle", says: "LAUNCH_FAILED|returns_before_shuffle|shuffle with lanes missing: lanes fffffeff of warp 1 are there, lane 8 has ended"},
	{name: "a barrier in a branch", says: "LAUNCH_FAILED|barrier_in_a_branch|lanes missing: lanes ffff0000 of warp 0 are there, lane 0 waits at block_barrier"},
	{name: "a warp that is not whole", says: "LAUNCH_FAILED|lanes missing: lanes 0000001f of warp 1 are there, lane 5 is not in the block"},
	{name: "lanes disagree", says: "LAUNCH_FAILED|lanes_disagree|ballot where other lanes of warp 0 are at shuffle"},
	{name: "no copy_wait", says: "LAUNCH_FAILED|no_wait|to which a copy is under way: copy_wait is missing"},
	{name: "no barrier after copy_wait", says: "LAUNCH_FAILED|no_barrier_after_wait|thread"},
	{name: "copy_wait for the group before", says: "LAUNCH_FAILED|waits_for_the_group_before|copy_wait is missing"},
	{name: "a thread ends before its copies", says: "LAUNCH_FAILED|ends_before_copies|ends with 1 copies under way"},
	{name: "a copy to what others still read", says: "LAUNCH_FAILED|overwrites_what_is_read|race within a block"},
	{name: "a copy from between 16 bytes", says: "MISALIGNED_ADDRESS|copies_from_between|reads 16 bytes"},

	{name: "too many threads for a card", says: "INVALID_VALUE|add_one: a block of 1025 x 1 x 1 threads"},
	{name: "too many threads for the kernel", says: "INVALID_VALUE|add_one: a block of 65 threads: it was compiled for 64"},
	{name: "no blocks", says: "INVALID_VALUE|add_one: a grid of 0 x 1 x 1 blocks"},
	{name: "too many blocks along y", says: "INVALID_VALUE|add_one: a grid of 1 x 65536 x 1 blocks"},
	{name: "too many blocks along z", says: "INVALID_VALUE|add_one: a grid of 1 x 1 x 65536 blocks"},
	{name: "dynamic shared memory that was not asked for", says: "INVALID_VALUE|write_dynamic: 49153 bytes of dynamic shared memory: its limit is 49152"},
	{name: "more shared memory than cards have", says: "LAUNCH_FAILED|too_much_shared|104000 bytes of static shared memory"},
	{name: "an int for an address", says: "INVALID_VALUE|add_one: parameter 1 is an address, and 0x4d is none of the device"},
	{name: "an address for an int", says: "INVALID_VALUE|read_global: parameter 3 has 4 bytes"},
	{name: "no such kernel", says: "NOT_FOUND|no kernel add_two"},

	{name: "a copy past the end", says: "ILLEGAL_ADDRESS|cuMemcpyHtoD writes out of bounds|byte 100 of an allocation of 100 bytes"},
	{name: "a read back of what was never written", says: "LAUNCH_FAILED|cuMemcpyDtoH reads what was never written|byte 0 of"},
	{name: "a read back past the end", says: "ILLEGAL_ADDRESS|cuMemcpyDtoH reads out of bounds|byte 256 of"},
	{name: "memset past the end", says: "ILLEGAL_ADDRESS|cuMemset writes out of bounds|byte 100 of"},
	{name: "free twice", says: "INVALID_VALUE|cuMemFree of|that was freed"},
	{name: "host memory changed before its copy", says: "LAUNCH_FAILED|of 256 bytes was changed before the copy was waited for"},
	{name: "host memory changed before the copy of an early stream is waited for", says: "LAUNCH_FAILED|of 256 bytes was changed before the copy was waited for"},
	{name: "host memory changed before the copy of an early stream is waited for", says: "LAUNCH_FAILED|of 256 bytes was changed before the copy was waited for", order: "backwards"},
	{name: "pinned memory freed before its copy was waited for", says: "LAUNCH_FAILED|of 256 bytes was freed before the copy was waited for"},
	{name: "an asynchronous copy from memory that is not pinned", says: "INVALID_VALUE|cuMemcpyHtoDAsync of 256 bytes from|not pinned"},
	{name: "an asynchronous copy to memory that is not pinned", says: "INVALID_VALUE|cuMemcpyDtoHAsync of 256 bytes to|not pinned"},
	{name: "a result that is read too early"},
	{name: "a result that is read too early", order: "backwards"},
	{name: "a copy that the work does not wait for", says: "LAUNCH_FAILED|add_one|never written"},
	{name: "memory that another stream allocates", says: "ILLEGAL_ADDRESS|cuMemset|that the stream has not got to"},
	{name: "an event that was destroyed with its context", says: "CONTEXT_IS_DESTROYED"},
	{name: "a stream of another context", says: "INVALID_HANDLE|is no stream of this context"},
	{name: "no context", says: "INVALID_CONTEXT|this thread has no context"},
	{name: "a copy that the work waits for"},
	{name: "a copy that the work waits for", order: "backwards"},
}

// Every guard catches the fault that is planted for it, and says where it is.
func TestFaults(t *testing.T) {
	file := program(t, Checked, "faults")
	for _, tt := range faults {
		t.Run(tt.name+tt.order, func(t *testing.T) {
			c := exec.Command(file, tt.name)
			c.Env = append(os.Environ(), "PAIRLOOM_TESTDRIVER_QUIET=1", "PAIRLOOM_TESTDRIVER_ORDER="+tt.order)
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if tt.says == "" && len(out) > 0 {
				t.Fatalf("says %q of what is right", out)
			}
			at := 0
			for part := range strings.SplitSeq(tt.says, "|") {
				i := strings.Index(string(out)[at:], part)
				if i < 0 {
					t.Fatalf("says %q, want %q in it", out, tt.says)
				}
				at += i + len(part)
			}
		})
	}
}

// Each case of the program is in the table.
func TestAllFaultsAreTried(t *testing.T) {
	out, err := exec.Command(program(t, Checked, "faults"), "").Output()
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, f := range faults {
		tried[f.name] = true
	}
	for name := range strings.Lines(string(out)) {
		if name = strings.TrimSpace(name); !tried[name] {
			t.Errorf("no test of %q", name)
		}
		delete(tried, name)
	}
	for name := range tried {
		t.Errorf("faults.cc has no %q", name)
	}
}

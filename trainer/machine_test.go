package trainer

import (
	"testing"
	"testing/fstest"
)

func TestMachineMemory(t *testing.T) {
	const meminfo = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   8000000 kB\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int64 // -1 for not known
	}{
		{"nothing is known", nil, -1},
		{"what the kernel has", map[string]string{"proc/meminfo": meminfo}, 8000000 << 10},
		{"a group without limit", map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/memory.max": "max\n"}, 8000000 << 10},
		{"a group's limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/job\n",
			"sys/fs/cgroup/job/memory.max": "4000000000\n", "sys/fs/cgroup/job/memory.current": "1500000000\n", "sys/fs/cgroup/job/memory.stat": "anon 5\ninactive_file 500000000\n",
		}, 3000000000},
		{"that of the group around it", map[string]string{
			"proc/self/cgroup":                  "0::/pod/job\n",
			"sys/fs/cgroup/pod/job/memory.max":  "max\n",
			"sys/fs/cgroup/pod/memory.max":      "2000000000\n",
			"sys/fs/cgroup/pod/memory.current":  "500000000\n",
			"sys/fs/cgroup/memory.max.of-other": "1",
		}, 1500000000},
		{"in a namespace of its own", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000000\n"}, 1000000000},
		{"full", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "2000\n"}, 0},
		{"of version 1", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "12:cpu,cpuacct:/a\n4:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3000000000\n", "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "1000000000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 2000000000},
		{"not what it should be", map[string]string{"proc/meminfo": "MemAvailable:\n", "proc/self/cgroup": "x\n0:\n::\n"}, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range tt.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, known := machineMemory(root)
			if !known {
				got = -1
			}
			if got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

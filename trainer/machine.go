package trainer

import (
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// machineMemory is what this process may still take on this machine in bytes: what the
// kernel calls available, and no more than each of the control groups around the process
// leaves; known is false where neither tells. root is the file system, / but in tests.
func machineMemory(root fs.FS) (bytes int64, known bool) {
	least := int64(math.MaxInt64)
	if kib := field(root, "proc/meminfo", "MemAvailable:"); kib > 0 {
		least = kib << 10
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	for _, line := range strings.Split(string(groups), "\n") {
		// cgroups(7): hierarchy, controllers, path.
		parts := strings.SplitN(line, ":", 3)
		if len(parts) < 3 {
			continue
		}
		mount, limit, usage, idle := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		if parts[1] == "memory" {
			mount, limit, usage, idle = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		} else if parts[1] != "" {
			continue
		}
		for group := path.Join("/", parts[2]); ; group = path.Dir(group) {
			folder := path.Join(mount, group)
			if most := number(root, path.Join(folder, limit)); most > 0 {
				// Files that were read lie in the group's memory until something else needs it.
				least = min(least, max(0, most-number(root, path.Join(folder, usage))+field(root, path.Join(folder, "memory.stat"), idle)))
			}
			if group == "/" {
				break
			}
		}
	}
	return least, least < math.MaxInt64
}

// number is that in a file; 0 where there is none, such as "max".
func number(root fs.FS, name string) int64 {
	text, _ := fs.ReadFile(root, name)
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// field is the number behind a name in a file of lines; 0 for none.
func field(root fs.FS, file, name string) int64 {
	text, _ := fs.ReadFile(root, file)
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// MachineMemory is what this process may still take on this machine in bytes; known is
// false where the system does not tell.
func MachineMemory() (bytes int64, known bool) { return machineMemory(os.DirFS("/")) }

package picture

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// at the terminal reaches the parent alone, which then lets pictures in work
// finish; and has the kernel kill it when the parent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

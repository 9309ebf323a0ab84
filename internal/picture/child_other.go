//go:build !linux

package picture

import "syscall"

// childAttributes leaves it to the end of input to tell a child that its parent
// is gone.
func childAttributes() *syscall.SysProcAttr { return nil }

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choice is the value of a flag that takes one of a few words: it refuses
// others, and the shell offers them.
type choice struct {
	value *string
	words []string
}

// choiceVar adds a flag that takes one of the words; value holds its default.
func choiceVar(c *cobra.Command, value *string, name, usage string, words ...string) {
	c.Flags().Var(&choice{value, words}, name, usage)
}

func (c *choice) String() string {
	if c.value == nil { // pflag asks a zero value
		return ""
	}
	return *c.value
}

// Type is what help shows in place of the value.
func (c *choice) Type() string { return strings.Join(c.words, "|") }

func (c *choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		last := len(c.words) - 1
		return fmt.Errorf("%s or %s expected", strings.Join(c.words[:last], ", "), c.words[last])
	}
	*c.value = word
	return nil
}

// completeChoices makes the shell offer the words of all such flags of a
// command.
func completeChoices(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if v, ok := f.Value.(*choice); ok {
			// An error means that the flag has its own completion.
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v.words, cobra.ShellCompDirectiveNoFileComp))
		}
	})
}

// folders makes the shell offer folders for a command's argument.
var folders = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)

package main

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"

	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// global holds the flags that every command takes, and where output goes.
type global struct {
	dir         string
	json, quiet bool
	verbose     bool
	stdout      *output
	stderr      io.Writer
	lock        *pipeline.Lock // of the folder; nil when the command takes none
	// running is set once a command does its work: an error before that is one
	// of the command line.
	running bool
}

const rootLong = `pairloom builds a CLIP-style image-text dataset from the web and pre-trains
CLIP on it: crawl public pages for pictures with alt text, keep the pairs whose
text contains a query, fetch the pictures politely, filter, deduplicate and
balance, write Arrow shards with a report, train, and evaluate.

A dataset is a folder with a pairloom.yaml. Each stage writes a folder of its
own; pairloom run does those whose settings or input changed.

` + exitCodesHelp

const rootExample = `  pairloom init cats              # a folder with a configuration
  pairloom run -C cats            # the whole road, or what is left of it
  pairloom run -C cats --quiet    # from cron: one line
  pairloom run -C cats --quiet --json --max-duration 8h
  pairloom status -C cats         # where each stage stands
  pairloom explain -C cats https://example.org/cat.jpg`

func newRoot(g *global) *cobra.Command {
	root := &cobra.Command{
		Use: "pairloom", Short: "From web pages to a trained CLIP", Long: rootLong, Example: rootExample,
		Version: version, SilenceErrors: true, SilenceUsage: true,
	}
	root.SetOut(g.stdout)
	root.SetErr(g.stderr)
	g.flagsOf(root)
	cobra.EnableCommandSorting = false // the order is that of the road
	addGroup(root, "The road:", newInit(g), newPresets(g), newRun(g), newImport(g))
	addGroup(root, "Its stages, in order:", stageCommands(g)...)
	addGroup(root, "With the trained model:", newEmbed(g), newSearch(g), newClassify(g))
	addGroup(root, "To compare ways of training:", newCompare(g))
	addGroup(root, "To other tools:", newExport(g))
	addGroup(root, "What became of it:", newStatus(g), newExplain(g), newBrowse(g), newVerify(g), newRemove(g))
	addGroup(root, "The query list:", newQueries(g))
	addGroup(root, "To try it:", newServe(g), newDemo(g), newDoctor(g))
	root.AddCommand(newPictureChild())
	_ = root.MarkPersistentFlagDirname("dir") // the flag is there
	for c := range commands(root) {
		completeChoices(c)
		if run := c.RunE; run != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				g.running = true
				return run(c, args)
			}
		}
	}
	return root
}

// flagsOf gives a command the flags that all take.
func (g *global) flagsOf(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringVarP(&g.dir, "dir", "C", ".", "the dataset's `folder`")
	flags.BoolVar(&g.json, "json", false, "print one JSON object on stdout, also of an error")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "no progress; one line when all went well; with --json, the object on one line")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "log more to stderr")
}

// flagsOfFaulty reads those flags from a command line that another fault keeps
// from being read whole: the fault is told in the form that was asked for.
func (g *global) flagsOfFaulty(args []string) {
	c := &cobra.Command{}
	g.flagsOf(c)
	flags := c.PersistentFlags()
	flags.Usage = func() {}
	flags.SetOutput(io.Discard)
	flags.ParseErrorsWhitelist.UnknownFlags = true
	_ = flags.Parse(args) // what is wrong with them is known
}

// commands walks a command and all below it.
func commands(c *cobra.Command) iter.Seq[*cobra.Command] {
	return func(yield func(*cobra.Command) bool) {
		if !yield(c) {
			return
		}
		for _, sub := range c.Commands() {
			for below := range commands(sub) {
				if !yield(below) {
					return
				}
			}
		}
	}
}

// addGroup adds commands under a title of their own in the help.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
	}
	root.AddCommand(commands...)
}

// terminal tells whether someone watches.
func (g *global) terminal() bool {
	f, ok := g.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// logger writes warnings, or more with --verbose: text for people, JSON lines
// when --json asks for a program's output.
func (g *global) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelWarn}
	if g.verbose {
		o.Level = slog.LevelDebug
	}
	if g.json {
		return slog.New(slog.NewJSONHandler(g.stderr, o))
	}
	return slog.New(slog.NewTextHandler(g.stderr, o))
}

// pictureChildCommand starts the process that decodes pictures; package picture
// speaks to it.
const pictureChildCommand = "picture-child"

func newPictureChild() *cobra.Command {
	return &cobra.Command{
		Use: pictureChildCommand, Hidden: true, Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return picture.Serve(os.Stdin, os.Stdout, picture.Limits{})
		},
	}
}

// oneArgument takes one argument and says to people what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s: %s is missing", c.CommandPath(), what)
		}
		return optionalArgument(what)(c, args)
	}
}

// optionalArgument is oneArgument for one that may be left out.
func optionalArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%s takes one argument, %s; found %d", c.CommandPath(), what, len(args))
		}
		return nil
	}
}

// noArguments is cobra.NoArgs with the cure.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, found %q; the folder is given by -C", c.CommandPath(), args[0])
	}
	return nil
}

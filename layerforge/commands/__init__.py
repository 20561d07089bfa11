"""The verbs of the command line: parse options, call one stage, hand the result to output."""

"""The console: paints a frozen ConsoleView, turns keys into commands. It knows nothing else of the house."""

"""Layer versions: gate, plan, publish, attach, permit, retire."""

"""What every template knows."""

def portal(request): return {}

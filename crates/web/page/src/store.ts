// A value that screens follow: what has to outlive the screen that shows it.

import { useEffect, useState } from "preact/hooks";

export class Store<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get = (): T => this.value;

  set(to: T): void {
    if (Object.is(to, this.value)) return;
    this.value = to;
    for (const listener of [...this.listeners]) listener();
  }

  use(): T {
    const [shown, show] = useState(this.value);
    useEffect(() => {
      const changed = () => show(() => this.value);
      this.listeners.add(changed);
      // It may have changed since it was shown.
      changed();
      return () => void this.listeners.delete(changed);
    }, [this]);
    return shown;
  }
}

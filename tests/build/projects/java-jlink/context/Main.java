public class Main {
    public static void main(String[] arguments) throws Exception {
        var thread = new Thread(() -> System.out.println("hello from a thread of " + System.getProperty("user.name")));
        thread.start();
        thread.join();
    }
}
